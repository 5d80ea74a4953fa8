import { isLoopbackHost } from '../common/loopback.js';
import { listed } from './listed.js';

/** What can be chosen with `FERMILINK_RUNNER_JWT_ALGORITHMS`. */
export const JWT_ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
] as const;

/** The URL of keys must not be one that somebody on the way could answer. */
export function isKeysUrl(text: string): boolean {
  try {
    const { protocol, hostname } = new URL(text);
    return protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname));
  } catch {
    return false;
  }
}

/** Whether a text is a list of algorithms that can be chosen. */
export function areAlgorithms(text: string): boolean {
  const algorithms = listed(text);
  const isKnown = (name: string) => JWT_ALGORITHMS.some((it) => it === name);
  return algorithms.length > 0 && algorithms.every(isKnown);
}

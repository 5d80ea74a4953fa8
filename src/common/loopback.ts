import { isIPv4 } from 'node:net';

/** Whether a host, as it stands in a URL or after `listen`, is this machine and nobody else can reach it. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost' || name === '::1' || name === '[::1]') return true;
  return isIPv4(name) && name.startsWith('127.');
}

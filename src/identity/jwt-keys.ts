import { createLocalJWKSet, createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import { type JwtSettings, MAX_JWKS_BYTES } from '../config/identity-settings.js';
import { monotonicSeconds } from '../common/clock.js';
import { WatchedFile } from './watched-file.js';

/** How long the keys of a URL are waited for, in milliseconds. */
const FETCH_MS = 5000;
/** How long a key that nobody knows does not make the keys be fetched again, in milliseconds. */
const COOLDOWN_MS = 5000;
/** How long nobody waits for a URL that has just failed, in seconds. */
const PAUSE_SECONDS = 2;

/** The keys cannot be had at the moment. */
export class KeysUnavailable extends Error {}

/** The keys by which JWTs are checked. */
export interface JwtKeys {
  /** @throws {KeysUnavailable} */
  readonly key: JWTVerifyGetKey;
  /** What is wrong with their file, as the end of a sentence; null if nothing is. */
  fault(): Promise<string | null>;
}

/** @param onFault told of each version of the file that is invalid, with the end of a sentence */
export function jwtKeys(settings: JwtSettings, onFault: (fault: string) => void): JwtKeys {
  return settings.jwksUrl === null
    ? keysOfFile(settings.jwksFile!, onFault)
    : keysOfUrl(settings.jwksUrl);
}

function keysOfFile(path: string, onFault: (fault: string) => void): JwtKeys {
  const file = new WatchedFile(path, MAX_JWKS_BYTES, keySetOf, onFault);
  return {
    key: async (header, token) => {
      const keys = await file.current();
      if (keys === null) throw new KeysUnavailable('the file of keys was never valid');
      return keys(header, token);
    },
    fault: () => file.fault(),
  };
}

/** Makes the keys of a JSON Web Key Set. */
export function keySetOf(text: string, faults: string[]): JWTVerifyGetKey | null {
  try {
    return createLocalJWKSet(JSON.parse(text) as Parameters<typeof createLocalJWKSet>[0]);
  } catch {
    faults.push('what it holds must be a JSON Web Key Set');
    return null;
  }
}

function keysOfUrl(url: string): JwtKeys {
  let failedAt = -Infinity;
  const fetchKeys = async (...asked: Parameters<typeof fetch>) => {
    // Not everybody who comes meanwhile has to wait for what has just failed; nor is a pause made longer.
    if (monotonicSeconds() - failedAt < PAUSE_SECONDS) {
      throw new KeysUnavailable('the keys could not be fetched a moment ago');
    }
    try {
      const { status, body } = await fetch(...asked);
      const text = await limitedText(body);
      const faults: string[] = [];
      keySetOf(text, faults);
      if (status === 200 && faults.length === 0) return new Response(text);
      throw new Error(`its answer was ${status}, ${faults[0] ?? 'a JSON Web Key Set'}`);
    } catch (cause) {
      failedAt = monotonicSeconds();
      throw new KeysUnavailable('the keys could not be fetched', { cause });
    }
  };
  const key = createRemoteJWKSet(new URL(url), {
    timeoutDuration: FETCH_MS,
    cooldownDuration: COOLDOWN_MS,
    [customFetch]: fetchKeys,
  });
  return { key, fault: () => Promise.resolve(null) };
}

/** The text of a body, as far as a set of keys may be long. */
async function limitedText(body: Response['body']): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_JWKS_BYTES) throw new Error(`more than ${MAX_JWKS_BYTES} bytes of keys`);
  }
  return Buffer.concat(chunks).toString();
}

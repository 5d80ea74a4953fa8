import { jsonObjectIn } from '../common/json.js';
import { isLoopbackHost } from '../common/loopback.js';
import type { Environment } from './environment.js';
import { absolute } from './folders.js';
import { listed } from './listed.js';
import { readSmallFile } from './small-file.js';
import { MAX_TOKENS_BYTES, tokensOf } from './tokens-file.js';

/** How tokens of an identity provider are checked. */
export interface JwtSettings {
  /** Where its keys are; one of the two. */
  readonly jwksUrl: string | null;
  readonly jwksFile: string | null;
  readonly issuer: string;
  readonly audience: string;
  /** Asymmetric ones only: with a shared secret whoever checks a token could also make one. */
  readonly algorithms: readonly string[];
  readonly userClaim: string;
  readonly scopesClaim: string;
}

/** How callers are known. */
export interface IdentitySettings {
  readonly tokensFile: string | null;
  readonly jwt: JwtSettings | null;
  /** Nothing is configured: every caller is the platform. */
  readonly isAnonymous: boolean;
  /** It listens where this machine alone reaches it, and nothing says that a proxy there lets others in. */
  readonly isLocalOnly: boolean;
}

/** Larger than any set of keys that is in use. */
export const MAX_JWKS_BYTES = 1024 * 1024;

const JWT_VARIABLES = ['FERMILINK_RUNNER_JWT_ISSUER', 'FERMILINK_RUNNER_JWT_AUDIENCE'] as const;

/** Reads how callers are known; each fault becomes a sentence. */
export function identitySettings(values: Environment, faults: string[]): IdentitySettings {
  const host = values.FERMILINK_RUNNER_HOST;
  const file = values.FERMILINK_RUNNER_TOKENS_FILE;
  const tokensFile = file === undefined ? null : absolute(file, file);
  if (tokensFile !== null) checkTokens(tokensFile, faults);
  const faultsBefore = faults.length;
  const jwt = jwtSettings(values, faults);
  const isAnonymous = tokensFile === null && jwt === null && faults.length === faultsBefore;
  const isLoopback = isLoopbackHost(host);
  const isAllowed = values.FERMILINK_RUNNER_ALLOW_ANONYMOUS;
  if (isAllowed && !isAnonymous) {
    faults.push(
      'FERMILINK_RUNNER_ALLOW_ANONYMOUS is on, but tokens or JWTs are configured too; it must be only one of them.',
    );
  }
  if (isAnonymous && !isLoopback && !isAllowed) {
    faults.push(
      `FERMILINK_RUNNER_HOST is ${JSON.stringify(host)}, where others can reach the runner, but nothing says who may call it: set FERMILINK_RUNNER_TOKENS_FILE or FERMILINK_RUNNER_JWT_JWKS_URL, or FERMILINK_RUNNER_ALLOW_ANONYMOUS=1 where everybody who reaches it may do everything but change packages and the policy.`,
    );
  }
  return { tokensFile, jwt, isAnonymous, isLocalOnly: isLoopback && !isAllowed };
}

function checkTokens(path: string, faults: string[]): void {
  const named = `FERMILINK_RUNNER_TOKENS_FILE is ${JSON.stringify(path)}, but`;
  try {
    const rules: string[] = [];
    tokensOf(readSmallFile(path, MAX_TOKENS_BYTES), rules);
    faults.push(...rules.map((rule) => `${named} ${rule}.`));
  } catch {
    faults.push(
      `${named} it must be a readable file of at most ${MAX_TOKENS_BYTES} bytes; npm run token -- --name NAME --scopes SCOPES makes one.`,
    );
  }
}

/** A closer look is taken when the keys are used; a mistyped path is to be told at once. */
function checkKeys(path: string, faults: string[]): void {
  try {
    if (Array.isArray(jsonObjectIn(readSmallFile(path, MAX_JWKS_BYTES)).keys)) return;
  } catch {
    // Said below.
  }
  faults.push(
    `FERMILINK_RUNNER_JWT_JWKS_FILE is ${JSON.stringify(path)}, but it must be a readable JSON Web Key Set of at most ${MAX_JWKS_BYTES} bytes.`,
  );
}

function jwtSettings(values: Environment, faults: string[]): JwtSettings | null {
  const jwksUrl = values.FERMILINK_RUNNER_JWT_JWKS_URL ?? null;
  const file = values.FERMILINK_RUNNER_JWT_JWKS_FILE;
  const jwksFile = file === undefined ? null : absolute(file, file);
  if (jwksFile !== null) checkKeys(jwksFile, faults);
  const hasKeys = jwksUrl !== null || jwksFile !== null;
  if (jwksUrl !== null && jwksFile !== null) {
    faults.push(
      'FERMILINK_RUNNER_JWT_JWKS_URL is set, but FERMILINK_RUNNER_JWT_JWKS_FILE is too; it must be only one of them.',
    );
  }
  for (const variable of JWT_VARIABLES) {
    if (hasKeys && values[variable] === undefined) {
      faults.push(`${variable} is not set, but it must be, since JWTs are configured.`);
    } else if (!hasKeys && values[variable] !== undefined) {
      faults.push(
        `${variable} is set, but FERMILINK_RUNNER_JWT_JWKS_URL or FERMILINK_RUNNER_JWT_JWKS_FILE must be too.`,
      );
    }
  }
  if (!hasKeys) return null;
  return {
    jwksUrl,
    jwksFile,
    issuer: values.FERMILINK_RUNNER_JWT_ISSUER ?? '',
    audience: values.FERMILINK_RUNNER_JWT_AUDIENCE ?? '',
    algorithms: listed(values.FERMILINK_RUNNER_JWT_ALGORITHMS),
    userClaim: values.FERMILINK_RUNNER_JWT_USER_CLAIM,
    scopesClaim: values.FERMILINK_RUNNER_JWT_SCOPES_CLAIM,
  };
}

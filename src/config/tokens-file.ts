import { userIdFault } from '../common/user-id.js';
import { absolute } from './folders.js';
import { Walk } from './providers-walk.js';
import { isScope, type Scope, SCOPES } from './scopes.js';

/** A token of `FERMILINK_RUNNER_TOKENS_FILE` (`schemas/tokens.schema.json`). */
export interface TokenDefinition {
  /** By which the log and the owners of sessions know it. */
  readonly name: string;
  /** SHA-256 of the token, 64 hex digits in lower case. */
  readonly sha256: string;
  readonly scopes: readonly Scope[];
  /** The only user that it may act for; null if it may name any. */
  readonly user: string | null;
  /** In milliseconds since 1970; null if it holds for ever. */
  readonly expiresAt: number | null;
}

export const TOKEN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const TOKEN_NAME_RULE =
  'must be 1 to 64 letters, digits, ".", "_" and "-" that begin with a letter or a digit';
/** A date with its time zone, so that it is the same moment everywhere. */
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** Larger than any list of tokens that a person keeps. */
export const MAX_TOKENS_BYTES = 4 * 1024 * 1024;

/** The tokens file that the environment names, absolute; null if it names none. */
export function tokensFileOf(
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | null {
  const path = env.FERMILINK_RUNNER_TOKENS_FILE?.trim() ?? '';
  return path === '' ? null : absolute(path, path);
}

/**
 * Makes the tokens of the text of a tokens file.
 * @param faults gets the end of a sentence for each member that breaks its rule; never shows a value
 */
export function tokensOf(text: string, faults: string[]): TokenDefinition[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    faults.push('what it holds must be JSON');
    return [];
  }
  const walk = new Walk((path, rule) => {
    faults.push(`${path === '' ? 'what it holds' : path} ${rule}`);
  });
  const root = walk.object(document, '', ['$schema', 'version', 'tokens']);
  if (root === null) return [];
  if (root.version !== undefined && root.version !== 1) walk.fault('version', 'must be 1');
  const tokens = (walk.list(root.tokens, 'tokens') ?? []).flatMap(
    (value, at) => tokenOf(value, `tokens[${at}]`, walk) ?? [],
  );
  for (const member of ['name', 'sha256'] as const) {
    const values = tokens.map((token) => token[member]);
    const again = values.findIndex((value, at) => values.indexOf(value) !== at);
    if (again >= 0) walk.fault(`tokens[${again}].${member}`, 'is that of another token too');
  }
  return tokens;
}

function tokenOf(value: unknown, path: string, walk: Walk): TokenDefinition | null {
  const members = ['name', 'sha256', 'scopes', 'user', 'expires_at'];
  const given = walk.object(value, path, members);
  if (given === null) return null;
  const name = walk.text(given.name, `${path}.name`, TOKEN_NAME, TOKEN_NAME_RULE);
  const sha256 = walk.text(
    given.sha256,
    `${path}.sha256`,
    /^[0-9a-f]{64}$/i,
    'must be the SHA-256 of the token, 64 hex digits',
  );
  const scopes = (walk.list(given.scopes, `${path}.scopes`) ?? []).filter((scope, at) => {
    if (isScope(scope)) return true;
    walk.fault(`${path}.scopes[${at}]`, `must be one of: ${SCOPES.join(', ')}`);
    return false;
  }) as Scope[];
  const user = userOf(given.user, `${path}.user`, walk);
  const expiresAt = momentOf(given.expires_at, `${path}.expires_at`, walk);
  if (name === null || sha256 === null) return null;
  return { name, sha256: sha256.toLowerCase(), scopes, user, expiresAt };
}

function userOf(value: unknown, path: string, walk: Walk): string | null {
  // Null and "no user" are not the same: without one a token may speak for everybody.
  const user = walk.optionalText(value, path, /\S/, 'must be the id of a user, or be left out');
  const fault = user === null ? null : userIdFault(user);
  if (fault !== null) walk.fault(path, fault);
  return user?.trim() ?? null;
}

function momentOf(value: unknown, path: string, walk: Walk): number | null {
  const rule = 'must be a date and time with its time zone, such as 2030-01-31T12:00:00Z';
  const text = walk.optionalText(value, path, DATE, rule);
  if (text === null) return null;
  const moment = Date.parse(text);
  if (Number.isNaN(moment)) walk.fault(path, rule);
  return moment;
}

import { randomBytes } from 'node:crypto';
import { lstat, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from '../../common/errors.js';
import { lockFile } from '../../common/file-lock.js';
import { isJsonObject, jsonObjectIn } from '../../common/json.js';
import { readRegularFile, UnsafePathError } from '../../common/regular-file.js';

const MAX_LOGIN_BYTES = 256 * 1024;
const LOCK = '.fermilink-login.lock';
const LOCK_SECONDS = 10;

/** What became of a login that a CLI has renewed; refused, it stays where it is. */
export type Taking =
  | { outcome: 'taken' | 'older' | 'gone' }
  /** Another time it may be taken over. */
  | { outcome: 'locked'; refusal: string }
  | { outcome: 'refused'; refusal: string };

const refused = (refusal: string): Taking => ({ outcome: 'refused', refusal });

/**
 * Moves a login that a CLI has renewed to the place of the login that it was made from, in one step,
 * where it is newer: of several, the newest stays. What is not a login of the same kind and account is
 * refused, since an agent can write there too.
 * @param renewed a path in a session's home, by the descriptor of its folder
 * @param login the administrator's file; where it is a link, the file that this leads to is replaced
 * @param account members that are the same in every login of one account: `a.b`, `*.b` for all, and `a:b` for
 *   the claim `b` of a token
 */
export async function takeBack(
  renewed: string,
  login: string,
  account: readonly string[],
): Promise<Taking> {
  try {
    // The time first: where the file is replaced meanwhile, the next look finds it newer.
    const { mtimeMs } = await lstat(renewed);
    const content = await readRegularFile(renewed, MAX_LOGIN_BYTES, { shownPath: 'the file' });
    if (content === null) return { outcome: 'gone' };
    return await replaceOlder(await realpath(login), content, mtimeMs, account, renewed);
  } catch (error) {
    if (error instanceof UnsafePathError) return refused(error.message);
    if (errnoOf(error) === 'ENOENT') return refused('the administrator has no login any more');
    throw error;
  }
}

async function replaceOlder(
  login: string,
  content: Buffer,
  mtimeMs: number,
  account: readonly string[],
  renewed: string,
): Promise<Taking> {
  const lock = await lockFile(join(dirname(login), LOCK), LOCK_SECONDS, { mode: 0o600 });
  if (lock === null) return { outcome: 'locked', refusal: 'others held its lock all the time' };
  try {
    const known = await readRegularFile(login, MAX_LOGIN_BYTES);
    const isNewer = (await timeOf(login)) < mtimeMs;
    if (isNewer) {
      const refusal = refusalOf(known, content, account);
      if (refusal !== null) return refused(refusal);
      await replace(login, content, mtimeMs);
    }
    await unlink(renewed);
    return { outcome: isNewer ? 'taken' : 'older' };
  } finally {
    await lock.release();
  }
}

/** When a login was written, in milliseconds; a time to come is none: agents can date what a link leads to. */
async function timeOf(login: string): Promise<number> {
  const { mtimeMs } = await stat(login);
  return mtimeMs > Date.now() ? 0 : mtimeMs;
}

/** Replaces a file by one that is as old as it says, but never of a time to come. */
async function replace(path: string, content: Buffer, mtimeMs: number): Promise<void> {
  const temporary = `${path}.${randomBytes(9).toString('base64url')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(content);
      const time = Math.min(mtimeMs, Date.now()) / 1000;
      await file.utimes(time, time);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

function refusalOf(
  before: Buffer | null,
  content: Buffer,
  account: readonly string[],
): string | null {
  const renewed = jsonIn(content);
  if (!isJsonObject(renewed)) return 'it is no JSON object';
  const known = jsonObjectIn(before?.toString('utf8'));
  for (const [name, value] of Object.entries(known)) {
    if (value === null) continue;
    if (!isOfKind(renewed[name], value)) return `its "${name}" is not as in the login before`;
  }
  const paths = account.flatMap((path) =>
    path.startsWith('*') ? Object.keys(known).map((it) => it + path.slice(1)) : [path],
  );
  for (const path of paths) {
    const value = memberOf(known, path);
    if (value === undefined || value === null) continue;
    if (memberOf(renewed, path) !== value) return `its "${path}" is another one`;
  }
  return null;
}

function jsonIn(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'));
  } catch {
    return undefined;
  }
}

function isOfKind(value: unknown, other: unknown): boolean {
  return typeof value === typeof other && isJsonObject(value) === isJsonObject(other);
}

/** @param path as `takeBack` takes it, but without a star */
function memberOf(value: unknown, path: string): unknown {
  const [place, claim] = path.split(':') as [string, string | undefined];
  const member = place
    .split('.')
    .reduce(
      (it, name) => (isJsonObject(it) && Object.hasOwn(it, name) ? it[name] : undefined),
      value,
    );
  if (claim === undefined || typeof member !== 'string') return member;
  // Not checked: it says whose it is, and whether it holds is for its issuer.
  const claims = Buffer.from(member.split('.')[1] ?? '', 'base64url').toString('utf8');
  return jsonObjectIn(claims)[claim];
}

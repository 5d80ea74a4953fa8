import type { Request } from 'express';
import { invalidRequest } from '../common/invalid-request.js';
import { RunnerError } from '../common/errors.js';
import { isJsonObject } from '../common/json.js';
import { userIdFault } from '../common/user-id.js';
import { identityOf } from '../identity/identity.js';
import { ActingCaller } from './acting-caller.js';

/** Characters of the name of a user that the log shows. */
const MAX_SHOWN = 100;
/** The header in which a caller names the user that it acts for. */
const HEADER = 'X-FermiLink-User';

/**
 * Who calls, and for which user: the one that the caller's token is of, else the one of the header, else
 * the `user_id` of the body or of the query.
 * @throws {RunnerError} `forbidden` if two of them differ, `invalid_request`
 */
export function actingCallerOf(request: Request): ActingCaller {
  const { name, userId: fixed } = identityOf(request);
  const isOpen = name === null;
  const named = headerUser(request);
  const body: unknown = request.body;
  const inBody = isJsonObject(body) ? saidUser(body, isOpen) : null;
  const inQuery = saidUser(request.query, isOpen);
  const userId = fixed ?? named ?? inBody ?? inQuery;
  for (const other of [named, inBody, inQuery]) {
    if (other !== null && !isSame(other, userId)) throw differ(name, fixed, [userId!, other]);
  }
  const source = userId === null ? null : fixed !== null ? 'token' : named ? 'header' : 'request';
  return new ActingCaller(name, userId, source);
}

function headerUser(request: Request): string | null {
  const values = request.headersDistinct[HEADER.toLowerCase()];
  if (values === undefined) return null;
  if (values.length > 1) throw badUser(HEADER, 'must be given once');
  const user = inUtf8(values[0]!).trim();
  // A proxy that knows no user must not be taken for one that speaks for all.
  if (user === '') throw badUser(HEADER, 'must name a user, or be left out');
  const fault = userIdFault(user);
  if (fault !== null) throw badUser(HEADER, fault);
  return user;
}

function saidUser(members: Readonly<Record<string, unknown>>, isOpen: boolean): string | null {
  const value = own(members, 'user_id');
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') {
    if (value.trim() === '') return null;
    const fault = isOpen ? null : userIdFault(value);
    if (fault === null) return value.trim();
    throw badUser('user_id', fault);
  }
  // It would be taken for no user at all.
  if (!isOpen) throw badUser('user_id', 'must be one text');
  return null;
}

function own(members: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

/** Node reads a header as Latin-1, whatever was sent. */
function inUtf8(value: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'latin1'));
  } catch {
    throw badUser(HEADER, 'must be UTF-8');
  }
}

function isSame(a: string, b: string | null): boolean {
  return a.trim().toLowerCase() === b?.trim().toLowerCase();
}

function differ(token: string | null, fixed: string | null, users: string[]): RunnerError {
  const [user, other] = users.map((it) => JSON.stringify(it.slice(0, MAX_SHOWN)));
  return new RunnerError(
    'forbidden',
    fixed === null
      ? `The header ${HEADER} and user_id name two users; name one.`
      : 'This token acts for another user than the one that the request names; leave that one out.',
    { refused: { reason: `for ${user}, and for ${other}`, token } },
  );
}

function badUser(field: string, message: string): RunnerError {
  return invalidRequest([{ field, message }]);
}

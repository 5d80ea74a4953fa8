import { createHash } from 'node:crypto';
import { RunnerError } from '../common/errors.js';
import { userKeyOf } from '../admission/user-key.js';
import type { ActingCaller } from '../tenancy/acting-caller.js';
import type { KeyClaim } from './run-record.js';
import type { RunRequest } from './run-request.js';

const KEY = /^[\x20-\x7e]{1,255}$/;

/** Whose a key is, where the request itself does not say it. */
type Claimant = Pick<ActingCaller, 'name' | 'userId'>;

/**
 * What an `Idempotency-Key` stands for (contract, section 9). A key belongs to the user for whom the request
 * is, else to the session that it names, else to the caller, so that nobody meets another one's run by
 * chance or by guessing.
 * @throws {RunnerError} `invalid_request`
 */
export function claimOf(
  key: string,
  request: RunRequest,
  { name, userId }: Claimant = { name: null, userId: null },
): KeyClaim {
  if (!KEY.test(key)) {
    const message = 'must be 1 to 255 printable ASCII characters';
    throw new RunnerError('invalid_request', `The header Idempotency-Key ${message}.`, {
      errors: [{ field: 'Idempotency-Key', message }],
    });
  }
  // How its answer shows a run is no part of it.
  const { view: _, ...order } = request;
  const { user_id: said = null, session_id: sessionId = '' } = request;
  const named = userKeyOf(userId ?? said, sessionId);
  const scope = named === userKeyOf(null, '') ? (name ?? named) : named;
  return {
    key: sha256(JSON.stringify([scope, key])),
    bodyHash: sha256(JSON.stringify(inOrder(order))),
  };
}

/** A value with the members of all its objects in order: two spellings of one body are one body. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, inOrder(member)]));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

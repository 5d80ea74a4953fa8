import { userKeyOf } from '../admission/user-key.js';
import { type FieldError, RunnerError } from '../common/errors.js';
import { isRunId } from './run-id.js';
import { RUN_STATES, type RunState } from './run-record.js';
import type { RunFilter } from './run-store.js';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

/**
 * The filter of `GET /runs?user_id=&session_id=&state=&limit=&cursor=`.
 * @throws {RunnerError} `invalid_request` with every bad parameter, `cursor_invalid`
 */
export function filterOf(query: Record<string, unknown>): RunFilter {
  const errors: FieldError[] = [];
  const text = (name: string): string | null => {
    const value = query[name];
    if (value === undefined || value === '') return null;
    if (typeof value === 'string') return value;
    errors.push({ field: name, message: 'must be given once' });
    return null;
  };
  const userId = text('user_id');
  const state = text('state');
  if (state !== null && !(RUN_STATES as readonly string[]).includes(state)) {
    errors.push({ field: 'state', message: `must be one of: ${RUN_STATES.join(', ')}` });
  }
  const limitText = text('limit') ?? String(DEFAULT_LIMIT);
  const limit = Number(limitText);
  if (!/^\d+$/.test(limitText) || limit < 1 || limit > MAX_LIMIT) {
    errors.push({ field: 'limit', message: `must be a whole number from 1 to ${MAX_LIMIT}` });
  }
  const filter = {
    userKey: userId === null ? null : userKeyOf(userId, ''),
    sessionId: text('session_id'),
    state: state as RunState | null,
    limit,
    before: text('cursor'),
  };
  if (errors.length > 0) {
    const sentence = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
    throw new RunnerError('invalid_request', `The request is not valid: ${sentence}.`, { errors });
  }
  if (filter.before !== null && !isRunId(filter.before)) {
    throw new RunnerError(
      'cursor_invalid',
      'The cursor must be the next_cursor of an earlier answer.',
    );
  }
  return filter;
}

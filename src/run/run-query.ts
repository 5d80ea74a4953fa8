import { userKeyOf } from '../admission/user-key.js';
import { type FieldError, RunnerError } from '../common/errors.js';
import { invalidRequest } from '../common/invalid-request.js';
import { isRunId } from './run-id.js';
import { RUN_STATES, type RunState } from './run-record.js';
import { type View, VIEWS } from './run-request.js';
import type { RunFilter } from './run-store.js';

export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 200;

/**
 * How a stream is to show a run's events: `view=`.
 * @throws {RunnerError} `invalid_request`
 */
export function viewOf(view: unknown): View {
  if (view === undefined || view === '') return 'raw';
  const known = VIEWS.find((it) => it === view);
  if (known === undefined) {
    throw invalidRequest([{ field: 'view', message: `must be one of: ${VIEWS.join(', ')}` }]);
  }
  return known;
}

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
  if (errors.length > 0) throw invalidRequest(errors);
  if (filter.before !== null && !isRunId(filter.before)) {
    throw new RunnerError(
      'cursor_invalid',
      'The cursor must be the next_cursor of an earlier answer.',
    );
  }
  return filter;
}

import { userKeyOf } from '../admission/user-key.js';
import { RunnerError } from '../common/errors.js';
import { QueryReader } from '../common/query-reader.js';
import { isRunId } from './run-id.js';
import { RUN_STATES } from './run-record.js';
import { type View, VIEWS } from './run-request.js';
import type { RunFilter } from './run-store.js';

export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 200;

/**
 * How a stream is to show a run's events: `view=`.
 * @throws {RunnerError} `invalid_request`
 */
export function viewOf(view: unknown): View {
  const query = new QueryReader({ view });
  const known = query.word('view', VIEWS) ?? 'raw';
  query.check();
  return known;
}

/**
 * The filter of `GET /runs?user_id=&session_id=&state=&limit=&cursor=`.
 * @throws {RunnerError} `invalid_request` with every bad parameter, `cursor_invalid`
 */
export function filterOf(values: Record<string, unknown>): RunFilter {
  const query = new QueryReader(values);
  const userId = query.text('user_id');
  const filter = {
    userKey: userId === null ? null : userKeyOf(userId, ''),
    sessionId: query.text('session_id'),
    state: query.word('state', RUN_STATES),
    limit: query.number('limit', MAX_LIMIT) ?? DEFAULT_LIMIT,
    before: query.text('cursor'),
  };
  query.check();
  if (filter.before !== null && !isRunId(filter.before)) {
    throw new RunnerError(
      'cursor_invalid',
      'The cursor must be the next_cursor of an earlier answer.',
    );
  }
  return filter;
}

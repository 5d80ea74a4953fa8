import { QueryReader } from '../common/query-reader.js';
import type { ListPart } from '../files/list-part.js';

const DEFAULT_LIMIT = 200;
const MAX_LIMIT = 1000;

/**
 * Which part of a list is asked for: `limit=` and `cursor=`.
 * @throws {RunnerError} `invalid_request`
 */
export function pageOf(values: Record<string, unknown>): ListPart {
  const query = new QueryReader(values);
  const page = {
    limit: query.number('limit', MAX_LIMIT) ?? DEFAULT_LIMIT,
    cursor: query.text('cursor'),
  };
  query.check();
  return page;
}

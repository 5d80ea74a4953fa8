import { invalidRequest } from '../common/invalid-request.js';

const DEFAULT_LIMIT = 200;
const MAX_LIMIT = 1000;

/**
 * Which part of a list is asked for: `limit=` and `cursor=`.
 * @throws {RunnerError} `invalid_request`
 */
export function pageOf(query: Record<string, unknown>): { limit: number; cursor: string | null } {
  const text = textIn(query, 'limit') ?? String(DEFAULT_LIMIT);
  const limit = Number(text);
  if (!/^\d{1,9}$/.test(text) || limit < 1 || limit > MAX_LIMIT) {
    const message = `must be a whole number from 1 to ${MAX_LIMIT}`;
    throw invalidRequest([{ field: 'limit', message }]);
  }
  return { limit, cursor: textIn(query, 'cursor') };
}

/**
 * One parameter; null where it is absent or empty.
 * @throws {RunnerError} `invalid_request`
 */
export function textIn(query: Record<string, unknown>, field: string): string | null {
  const value = query[field];
  if (value === undefined || value === '') return null;
  if (typeof value === 'string') return value;
  throw invalidRequest([{ field, message: 'must be given once' }]);
}

/**
 * One of a few words; null where it is absent or empty.
 * @throws {RunnerError} `invalid_request`
 */
export function wordIn<T extends string>(
  query: Record<string, unknown>,
  field: string,
  words: readonly T[],
): T | null {
  const value = textIn(query, field);
  const word = words.find((it) => it === value);
  if (value === null || word !== undefined) return word ?? null;
  throw invalidRequest([{ field, message: `must be one of: ${words.join(', ')}` }]);
}

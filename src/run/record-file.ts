import { readFile as readFileAsync } from 'node:fs/promises';
import { errnoOf } from '../common/errors.js';
import { RUN_STATES, type RunRecord } from './run-record.js';

/** The text of a file, read without holding up anybody; null if there is none. */
export async function readText(path: string): Promise<string | null> {
  try {
    return await readFileAsync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** What a text in JSON says; null where it is none. */
export function jsonIn(text: string | null): unknown {
  try {
    return text === null ? null : (JSON.parse(text) as unknown);
  } catch {
    return null;
  }
}

/** A record in a text; null where it is not whole. */
export function recordIn(text: string | null): RunRecord | null {
  const value = jsonIn(text) as RunRecord | null;
  const isWhole =
    value?.version === 1 &&
    [value.id, value.sessionId, value.userKey, value.cookie].every(
      (it) => typeof it === 'string',
    ) &&
    typeof value.order?.prompt === 'string' &&
    RUN_STATES.includes(value.state);
  return isWhole ? value : null;
}

import { RunnerError } from '../common/errors.js';

/**
 * The number of the last event that a client has: `Last-Event-ID` wins over `?after=`; absent, empty
 * or 0 means from the start (contract, section 8).
 * @throws {RunnerError} `cursor_invalid`
 */
export function cursorOf(lastEventId: string | undefined, after: unknown): number {
  const text = lastEventId?.trim() || (after ?? '');
  if (text === '') return 0;
  if (typeof text !== 'string' || !/^\d+$/.test(text)) {
    throw new RunnerError(
      'cursor_invalid',
      'The cursor (Last-Event-ID or after) must be the id of an event: a whole number from 0.',
    );
  }
  // A number of any length is one that no event has.
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

/** @throws {RunnerError} `cursor_unknown` for an event that the run does not have */
export function requireKnown(cursor: number, lastEventId: number): void {
  if (cursor > lastEventId) {
    throw new RunnerError(
      'cursor_unknown',
      `The run has no event ${cursor}: its last one is ${lastEventId}. Follow it from the start, or from an event that you have.`,
    );
  }
}

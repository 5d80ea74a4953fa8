import { randomBytes } from 'node:crypto';

const RUN_ID = /^[0-9a-f]{32}$/;
/** The counter behind the time has 12 bits. */
const PER_MILLISECOND = 4096;

let latest = 0;

/**
 * A run id: a version 7 UUID (RFC 9562) as 32 hex digits. Ids sort by the time at which they were made,
 * also within a millisecond, and cannot be guessed.
 */
export function newRunId(): string {
  latest = Math.max(latest + 1, Date.now() * PER_MILLISECOND);
  const time = Math.floor(latest / PER_MILLISECOND)
    .toString(16)
    .padStart(12, '0');
  const counter = (latest % PER_MILLISECOND).toString(16).padStart(3, '0');
  const random = randomBytes(8);
  random[0] = (random[0]! & 0x3f) | 0x80;
  return `${time}7${counter}${random.toString('hex')}`;
}

/** Whether a text has the form of a run id; only such a text may become part of a path. */
export function isRunId(text: string): boolean {
  return RUN_ID.test(text);
}

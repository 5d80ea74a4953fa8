/** The longest time that a timer takes, in milliseconds; behind it they all end at once. */
const LONGEST_MS = 2 ** 31 - 1;

export type Timer = ReturnType<typeof setTimeout>;

/** A timer, also of a time without an end. */
export function timerOf(milliseconds: number, then: () => void): Timer {
  return setTimeout(then, Math.min(milliseconds, LONGEST_MS));
}

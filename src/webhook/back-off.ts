const FIRST_SECONDS = 1;
const LONGEST_SECONDS = 600;

/**
 * Seconds until the next try: twice as many each time, up to ten minutes, of which chance takes up to a
 * half, so that not everything that failed together comes again together. What the receiver asks for
 * counts as far as ten minutes.
 * @param failures how many tries have failed, from 1
 * @param asked seconds of its `Retry-After`; null if it asked for none
 */
export function backOffSeconds(
  failures: number,
  asked: number | null,
  chance: () => number = Math.random,
): number {
  const longest = Math.min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (failures - 1));
  return Math.max(Math.min(asked ?? 0, LONGEST_SECONDS), longest * (1 - chance() / 2));
}

/** The seconds that a `Retry-After` asks for; null if it does not. */
export function retryAfterSeconds(header: string | undefined, now = Date.now()): number | null {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text);
  // Dates of HTTP begin with the day of the week; other texts could be read as a date by chance.
  const date = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, (date - now) / 1000);
}

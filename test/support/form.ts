/** The short form of a suite (`npm run test:faults -- --ci`, `test:agents` likewise): less of the same. */
export const isShort = process.env.TEST_FORM === 'short';

/** One of two sizes: that of the full form and that of the short one. */
export function inForm<T>(full: T, short: T): T {
  return isShort ? short : full;
}

/** Says what was measured, where the reader of a test's output finds it. */
export function report(what: string, figures: Record<string, unknown>): void {
  process.stdout.write(`  ${what}: ${JSON.stringify(figures)}\n`);
}

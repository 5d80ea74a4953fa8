/** The present time as ISO-8601 in UTC with a trailing `Z`. */
export function nowUtc(): string {
  return new Date().toISOString();
}

/** Seconds on the monotonic clock; only differences mean anything. */
export function monotonicSeconds(): number {
  return performance.now() / 1000;
}

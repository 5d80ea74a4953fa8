/** The middle one; of an even number the higher of two. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param part from 0 to 1 */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

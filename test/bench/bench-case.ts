/** How much is done: `full` for figures, `quick` to see that it runs. */
export type Form = 'full' | 'quick';

/** What one round gives for one figure. */
export interface Figure {
  /** What the floor needs; null where there is no floor to hold it against. */
  floor: number | null;
  product: number;
}

/** What a figure is, and how much of it is good. */
export interface Target {
  name: string;
  unit: 's' | 'ms' | 'µs' | '/s' | 'MiB' | 'KiB' | '%' | '×' | '';
  /** The highest value that is good. A figure with neither this nor the next is there to be known. */
  most?: number;
  /** The highest ratio to the floor that is good. */
  mostRatio?: number;
  /** What the runner that this one replaces needs, in the same unit, where it was measured. */
  reference?: number;
}

/** Servers that are running, and how one round is done with them. */
export interface Bench {
  /** One figure for each target of the case, in their order. */
  round: () => Promise<Figure[]>;
  close: () => Promise<void>;
}

export interface BenchCase {
  targets: Target[];
  /** How many rounds the full form has; the quick one has one. */
  rounds: number;
  open: (form: Form) => Promise<Bench>;
}

/** Calls a function so many times, one call after the other. */
export async function times<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let index = 0; index < count; index += 1) results.push(await work(index));
  return results;
}

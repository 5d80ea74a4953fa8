import { readdir } from 'node:fs/promises';
import { isRunId } from './run-id.js';

/**
 * Ids of the ended runs, in order. Their folder is read when somebody first asks; what ends or goes
 * from then on is noted here.
 */
export class EndedIds {
  private ids: string[] | null = null;
  private reading: Promise<string[]> | null = null;
  /** Runs that ended while the folder was read: it may have been passed by then. */
  private readonly endedMeanwhile = new Set<string>();

  constructor(private readonly folder: string) {}

  /** All of them, from the oldest on; changes with them. */
  async all(): Promise<readonly string[]> {
    if (this.ids !== null) return this.ids;
    this.reading ??= this.read().finally(() => (this.reading = null));
    return this.reading;
  }

  /** Reads the folder again when somebody asks: another server has worked in it. */
  forget(): void {
    this.ids = null;
  }

  /** Notes a run that has ended. */
  add(id: string): void {
    if (this.ids === null) {
      if (this.reading !== null) this.endedMeanwhile.add(id);
      return;
    }
    const index = lowerBound(this.ids, id);
    if (this.ids[index] !== id) this.ids.splice(index, 0, id);
  }

  /** Forgets a run that was removed. */
  delete(id: string): void {
    if (this.ids === null) {
      void this.reading?.then(
        () => this.delete(id),
        () => undefined,
      );
      return;
    }
    const index = lowerBound(this.ids, id);
    if (this.ids[index] === id) this.ids.splice(index, 1);
  }

  private async read(): Promise<string[]> {
    const names = await readdir(this.folder);
    this.ids = [...new Set([...idsIn(names), ...this.endedMeanwhile])].sort();
    this.endedMeanwhile.clear();
    return this.ids;
  }
}

/** The runs whose records have these file names. */
export function idsIn(names: readonly string[]): string[] {
  return names
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .filter(isRunId);
}

/** Merges two lists of ids, the first of them in order, from the newest on that is before `before`. */
export function* newestFirst(
  sorted: readonly string[],
  more: string[],
  before: string | null,
): Generator<string> {
  // The lists change while somebody waits between two ids.
  const lists = [[...sorted], more.sort()].map((ids) =>
    before === null ? ids : ids.slice(0, lowerBound(ids, before)),
  );
  const [first, second] = lists as [string[], string[]];
  let last = '';
  while (first.length > 0 || second.length > 0) {
    const id = (first.at(-1) ?? '') >= (second.at(-1) ?? '') ? first.pop()! : second.pop()!;
    if (id !== last) yield id;
    last = id;
  }
}

/** The first index whose id is not before `id`. */
function lowerBound(ids: readonly string[], id: string): number {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

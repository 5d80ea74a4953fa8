import { RunnerError } from './errors.js';

/** Seconds after which it is worth another try. */
const RETRY_AFTER_SECONDS = 5;

/** Who wants a place. */
export interface Seeker {
  /** What the work is for, such as a session. */
  key: string;
  /** For whom it is; all that is for nobody certain counts together. */
  owner: string | null;
}

/**
 * Places for work that costs the server much for a small request. Who finds none is told so at once: a
 * queue would grow with whoever asks most.
 */
export class Places {
  private readonly ofKeys = new Tally<string>();
  private readonly ofOwners = new Tally<string | null>();
  private sum = 0;

  /**
   * @param all how many there are
   * @param owner how many of them one owner may have, over all keys: fewer, so that others find one
   * @param each how many of them one key may have
   */
  constructor(private readonly most: { all: number; owner: number; each: number }) {}

  /**
   * Does a task if there is a place for it; its result or error is the task's.
   * @throws {RunnerError} `too_many_requests`
   */
  async run<T>({ key, owner }: Seeker, task: () => Promise<T>): Promise<T> {
    const { most, ofKeys, ofOwners } = this;
    const isFull =
      this.sum >= most.all || ofOwners.of(owner) >= most.owner || ofKeys.of(key) >= most.each;
    if (isFull) {
      throw new RunnerError(
        'too_many_requests',
        'The runner is busy with requests of this kind; try again when they are done.',
        { retryAfterSeconds: RETRY_AFTER_SECONDS },
      );
    }
    this.sum += 1;
    ofKeys.add(key, 1);
    ofOwners.add(owner, 1);
    try {
      return await task();
    } finally {
      this.sum -= 1;
      ofKeys.add(key, -1);
      ofOwners.add(owner, -1);
    }
  }
}

/** Counts by name, in memory for those that are not zero. */
class Tally<K> {
  private readonly counts = new Map<K, number>();

  of(name: K): number {
    return this.counts.get(name) ?? 0;
  }

  add(name: K, count: number): void {
    const sum = this.of(name) + count;
    if (sum > 0) this.counts.set(name, sum);
    else this.counts.delete(name);
  }
}

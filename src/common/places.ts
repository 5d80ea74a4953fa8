import { RunnerError } from './errors.js';

/** Seconds after which it is worth another try. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Places for work that costs the server much for a small request. Who finds none is told so at once: a
 * queue would grow with whoever asks most.
 */
export class Places {
  private readonly taken = new Map<string, number>();
  private sum = 0;

  /**
   * @param all how many there are
   * @param each how many of them one key (a session) may have
   */
  constructor(private readonly most: { all: number; each: number }) {}

  /**
   * Does a task if there is a place for it; its result or error is the task's.
   * @throws {RunnerError} `too_many_requests`
   */
  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const own = this.taken.get(key) ?? 0;
    if (this.sum >= this.most.all || own >= this.most.each) {
      throw new RunnerError(
        'too_many_requests',
        'The runner is busy with requests of this kind; try again when they are done.',
        { retryAfterSeconds: RETRY_AFTER_SECONDS },
      );
    }
    this.sum += 1;
    this.taken.set(key, own + 1);
    try {
      return await task();
    } finally {
      this.sum -= 1;
      const left = this.taken.get(key)! - 1;
      if (left > 0) this.taken.set(key, left);
      else this.taken.delete(key);
    }
  }
}

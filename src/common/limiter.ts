/** Lets so many tasks be under way at a time; the others wait for their turn, in their order. */
export class Limiter {
  private underWay = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly most: number) {}

  /**
   * Does a task when it is its turn; its result or error is the task's.
   * @param signal gives up the waiting
   * @throws the signal's reason
   */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.underWay < this.most) this.underWay += 1;
    else await this.turn(signal);
    try {
      return await task();
    } finally {
      const next = this.waiting.shift();
      // Who comes next takes the place over.
      if (next === undefined) this.underWay -= 1;
      else next();
    }
  }

  private turn(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.waiting.splice(this.waiting.indexOf(come), 1);
        reject(signal!.reason as Error);
      };
      const come = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      this.waiting.push(come);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}

/** Lets so many tasks be under way at a time; the others wait for their turn, in their order. */
export class Limiter {
  private underWay = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly most: number) {}

  /** Does a task when it is its turn; its result or error is the task's. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.underWay < this.most) this.underWay += 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.waiting.shift();
      // Who comes next takes the place over.
      if (next === undefined) this.underWay -= 1;
      else next();
    }
  }
}

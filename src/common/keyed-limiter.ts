import { Limiter } from './limiter.js';

/** Lets one task of each key be under way at a time; the others wait for their turn, in their order. */
export class KeyedLimiter {
  private readonly turns = new Map<string, { limiter: Limiter; tasks: number }>();

  /** Does a task when it is the turn of its key; its result or error is the task's. */
  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const turn = this.turns.get(key) ?? { limiter: new Limiter(1), tasks: 0 };
    this.turns.set(key, turn);
    turn.tasks += 1;
    try {
      return await turn.limiter.run(task);
    } finally {
      turn.tasks -= 1;
      if (turn.tasks === 0) this.turns.delete(key);
    }
  }
}

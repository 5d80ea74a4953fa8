import { MemoryAdmission } from '../../src/admission/memory-admission.js';
import type { BenchCase } from './bench-case.js';

const USERS = 10_000;
const SLOTS = 200;

/** A queue of a given length under a steady load: for each run that ends another one comes. */
class Load {
  private readonly admission = new MemoryAdmission({
    globalConcurrentRuns: SLOTS,
    perUserConcurrentRuns: 10,
    maxQueueSize: null,
    maxPendingPerUser: null,
  });
  private arrived = 0;
  private granted = 0;
  /** Runs that have a slot, in the order in which they got it. */
  private readonly holders: string[] = [];
  private readonly users = Array.from({ length: USERS }, (_, user) => ({
    userKey: `user:${user}`,
    sessionId: `session${user}`,
  }));

  async fill(waiting: number): Promise<void> {
    while (this.arrived < waiting + SLOTS) await this.arrive();
  }

  /** Microseconds for a run that comes and one that gets its slot. */
  async microsecondsPerPair(pairs: number): Promise<number> {
    const before = this.granted;
    const began = performance.now();
    for (let pair = 0; pair < pairs; pair += 1) {
      await this.arrive();
      await this.admission.release(this.holders[before - SLOTS + pair]!);
    }
    const microseconds = (performance.now() - began) * 1000;
    // Who waits is told a little later.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.granted - before !== pairs) {
      throw new Error(`${this.granted - before} slots were granted for ${pairs} that came free`);
    }
    return microseconds / pairs;
  }

  private async arrive(): Promise<void> {
    const runId = `run${this.arrived}`;
    const { userKey, sessionId } = this.users[this.arrived % USERS]!;
    this.arrived += 1;
    const { granted } = await this.admission.enqueue({ runId, userKey, sessionId });
    void granted.then(() => {
      this.granted += 1;
      this.holders.push(runId);
    });
  }
}

const waiting: BenchCase = {
  targets: [
    { name: 'admission, 100,000 of 10,000 users wait: enqueue and grant', unit: 'µs', most: 5 },
    { name: 'the same, in those of 1,000 waiting', unit: '×', most: 2 },
  ],
  rounds: 5,
  open: async (form) => {
    const [long, pairs] = form === 'full' ? [100_000, 50_000] : [10_000, 5_000];
    const [few, many] = [new Load(), new Load()];
    await few.fill(1000);
    await many.fill(long);
    for (const load of [few, many]) await load.microsecondsPerPair(pairs);
    return {
      round: async () => {
        const short = await few.microsecondsPerPair(pairs);
        const each = await many.microsecondsPerPair(pairs);
        return [
          { floor: null, product: each },
          { floor: null, product: each / short },
        ];
      },
      close: async () => undefined,
    };
  },
};

export const ADMISSION: BenchCase[] = [waiting];

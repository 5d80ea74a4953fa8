import fc from 'fast-check';
import { AdmissionModel } from '../../test/contract/admission-model.js';
import { describeAdmission } from '../../test/contract/admission.contract.js';
import { RunnerError } from '../common/errors.js';
import type { AdmissionLimits, Ticket } from './admission.js';
import { MemoryAdmission } from './memory-admission.js';

describeAdmission('MemoryAdmission', (limits) => new MemoryAdmission(limits));

type Step =
  | { do: 'enqueue'; user: number; session: number }
  | { do: 'occupy'; session: number }
  /** Names a run by its number, modulo those that came; it may have ended, or may never have been taken. */
  | { do: 'release' | 'releaseSlot'; run: number };

const limits = (most: number): fc.Arbitrary<AdmissionLimits> =>
  fc.record({
    globalConcurrentRuns: fc.integer({ min: 1, max: most }),
    perUserConcurrentRuns: fc.integer({ min: 1, max: 3 }),
    maxQueueSize: fc.option(fc.integer({ min: 1, max: 12 })),
    maxPendingPerUser: fc.option(fc.integer({ min: 1, max: 5 })),
  });

const step = (users: number, sessions: number, enqueueWeight: number): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: enqueueWeight,
      arbitrary: fc.record({
        do: fc.constant('enqueue' as const),
        user: fc.nat(users - 1),
        session: fc.nat(sessions - 1),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('occupy' as const),
        session: fc.nat(sessions - 1),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('release' as const, 'release' as const, 'releaseSlot' as const),
        run: fc.nat(),
      }),
    },
  );

/** Takes every step in the adapter and in the model, and compares what both can be asked. */
class Comparison {
  readonly admission: MemoryAdmission;
  private readonly model: AdmissionModel;
  private readonly grants: string[] = [];
  private readonly withdrawn: string[] = [];
  private readonly expectedWithdrawn: string[] = [];
  private readonly tickets: Ticket[] = [];
  private readonly lastPositions = new Map<string, number>();

  constructor(private readonly limits: AdmissionLimits) {
    this.admission = new MemoryAdmission(limits);
    this.model = new AdmissionModel(limits);
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'enqueue') await this.enqueue(`user:${step.user}`, `s${step.session}`);
    else if (step.do === 'occupy') await this.occupy(`s${step.session}`);
    else if (step.do === 'release') await this.release(step.run);
    else await this.releaseSlot(step.run);
  }

  async compare(): Promise<void> {
    const { model, admission, limits } = this;
    expect(this.grants).toEqual(model.grants);
    expect(this.withdrawn).toEqual(this.expectedWithdrawn);
    const activeTotal = model.active.length;
    const snapshot = await admission.snapshot();
    expect(snapshot).toMatchObject({ activeTotal, pendingTotal: model.waiting.length });
    expect(activeTotal).toBeLessThanOrEqual(limits.globalConcurrentRuns);
    const holding = [...model.active, ...model.occupied].map((it) => it.sessionId);
    expect(new Set(holding).size).toBe(holding.length);
    for (const { runId, userKey, sessionId } of this.tickets) {
      const position = await admission.position(runId);
      expect(position).toBe(model.position(runId));
      if (position === null) continue;
      expect(position).toBeLessThanOrEqual(this.lastPositions.get(runId) ?? Infinity);
      this.lastPositions.set(runId, position);
      for (const session of [sessionId, null]) {
        const perUserActive = model.activeOf(userKey);
        expect(perUserActive).toBeLessThanOrEqual(limits.perUserConcurrentRuns);
        expect(await admission.snapshotFor(userKey, session)).toMatchObject({
          perUserActive,
          perUserPending: model.pendingOf(userKey),
          canRunNow: model.canRunNow(userKey, session),
        });
      }
    }
  }

  async releaseAll(backwards: boolean): Promise<void> {
    const order = this.tickets.map((_, index) => index);
    for (const index of backwards ? order.reverse() : order) await this.release(index);
    await this.compare();
    expect(this.admission.knownEntities).toBe(0);
  }

  private async enqueue(userKey: string, sessionId: string): Promise<void> {
    const ticket = { runId: `run-${this.tickets.length}`, userKey, sessionId };
    this.tickets.push(ticket);
    expect((await this.admission.snapshotFor(userKey, sessionId)).canRunNow).toBe(
      this.model.canRunNow(userKey, sessionId),
    );
    const expected = this.model.enqueue(ticket);
    try {
      const { position, granted } = await this.admission.enqueue(ticket);
      expect(position === null ? 'granted' : 'waiting').toBe(expected);
      expect(position).toBe(this.model.position(ticket.runId));
      void granted.then((yes) => (yes ? this.grants : this.withdrawn).push(ticket.runId));
    } catch (error) {
      if (!(error instanceof RunnerError)) throw error;
      expect(error.code).toBe(expected);
    }
  }

  private async occupy(sessionId: string): Promise<void> {
    const runId = `run-${this.tickets.length}`;
    this.tickets.push({ runId, userKey: 'user:nobody', sessionId });
    const attempt = this.admission.occupy(runId, sessionId);
    if (this.model.occupy(runId, sessionId)) await attempt;
    else await expect(attempt).rejects.toThrow('busy');
  }

  private async releaseSlot(run: number): Promise<void> {
    const runId = this.idOf(run);
    this.model.releaseSlot(runId);
    await this.admission.releaseSlot(runId);
  }

  private async release(run: number): Promise<void> {
    const runId = this.idOf(run);
    if (this.model.position(runId) !== null) this.expectedWithdrawn.push(runId);
    this.model.release(runId);
    await this.admission.release(runId);
  }

  private idOf(run: number): string {
    return this.tickets[run % Math.max(this.tickets.length, 1)]?.runId ?? 'never-seen';
  }
}

describe('MemoryAdmission, whatever is asked of it in whatever order', () => {
  it('decides as the plain model does and keeps nothing once all is released', async () => {
    await fc.assert(
      fc.asyncProperty(
        limits(6),
        fc.array(step(5, 7, 3), { maxLength: 60 }),
        fc.boolean(),
        async (limits, steps, backwards) => {
          const comparison = new Comparison(limits);
          for (const step of steps) {
            await comparison.take(step);
            await comparison.compare();
          }
          await comparison.releaseAll(backwards);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('does so with thousands of arrivals and a long queue', async () => {
    await fc.assert(
      fc.asyncProperty(
        // Too many to print; the seed brings them back.
        fc.array(step(40, 400, 4), { minLength: 3_000, maxLength: 3_000 }).map((steps) => ({
          steps,
          [fc.toStringMethod]: () => `${steps.length} steps`,
        })),
        async ({ steps }) => {
          const comparison = new Comparison({
            globalConcurrentRuns: 20,
            perUserConcurrentRuns: 2,
            maxQueueSize: null,
            maxPendingPerUser: null,
          });
          for (const [index, step] of steps.entries()) {
            await comparison.take(step);
            if (index % 1_000 === 999) await comparison.compare();
          }
          await comparison.releaseAll(false);
        },
      ),
      { numRuns: 2, endOnFailure: true },
    );
  });
});

describe('the advice when to try again', () => {
  let now: number;
  let admission: MemoryAdmission;

  beforeEach(() => {
    now = 1_000.5;
    const limits = { globalConcurrentRuns: 1, perUserConcurrentRuns: 1, maxPendingPerUser: null };
    admission = new MemoryAdmission({ ...limits, maxQueueSize: 1 }, () => now);
  });

  async function free(times: number): Promise<void> {
    for (let i = 0; i < times; i += 1) {
      await admission.enqueue({ runId: 'r', userKey: 'user:a', sessionId: 's' });
      await admission.release('r');
    }
  }

  async function advice(): Promise<number | undefined> {
    const ask = (runId: string) =>
      admission.enqueue({ runId, userKey: `user:${runId}`, sessionId: runId });
    await Promise.all([ask('holds'), ask('waits')]);
    const error: unknown = await ask('refused').catch((reason: unknown) => reason);
    return (error as RunnerError).facts.retryAfterSeconds;
  }

  it.each([
    [0, 60],
    [1, 60],
    [7, 9],
    [60, 1],
    [500, 1],
  ])('after %i free slots within a minute is %i s', async (times, seconds) => {
    await free(times);
    expect(await advice()).toBe(seconds);
  });

  it('forgets what came free more than a minute ago', async () => {
    await free(10);
    now += 30;
    await free(5);
    now += 29;
    await free(5);
    now += 2;
    expect(await advice()).toBe(6);
  });

  it('forgets all after a long silence', async () => {
    await free(10);
    now += 100_000;
    expect(await advice()).toBe(60);
  });

  it('does not count a waiter that was withdrawn', async () => {
    const ask = (runId: string) =>
      admission.enqueue({ runId, userKey: 'user:a', sessionId: runId });
    await free(2);
    await ask('holds');
    for (let i = 0; i < 5; i += 1) {
      await ask('waits');
      await admission.release('waits');
    }
    await ask('waits');
    await expect(ask('refused')).rejects.toMatchObject({ facts: { retryAfterSeconds: 30 } });
  });
});

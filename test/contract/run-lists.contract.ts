import fc from 'fast-check';
import { END_REASONS, RUN_STATES, type RunRecord } from '../../src/run/run-record.js';
import type { RunFilter, RunStore } from '../../src/run/run-store.js';
import {
  ended,
  EVERYTHING,
  listed,
  newRecord,
  type RunStoreStorage,
  UNENDED,
} from './run-store-fixture.js';

type Change =
  | { do: 'create'; user: number; session: number }
  | { do: 'end'; run: number; reason: number }
  | { do: 'prepare' | 'remove'; run: number };

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      user: fc.nat(2),
      session: fc.nat(2),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      run: fc.nat(),
      reason: fc.nat(END_REASONS.length - 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('prepare' as const, 'remove' as const),
      run: fc.nat(),
    }),
  },
);

const changes = (maxLength: number) => fc.array(change, { maxLength, size: 'max' });

const filter: fc.Arbitrary<Omit<RunFilter, 'before'>> = fc.record({
  userKey: fc.option(fc.constantFrom('user:0', 'user:1', 'user:9')),
  sessionId: fc.option(fc.constantFrom('s0', 's1', 's9')),
  state: fc.option(fc.constantFrom(...RUN_STATES)),
  limit: fc.integer({ min: 1, max: 5 }),
});

/** Makes the changes in a store, and knows what there is. */
class Model {
  readonly runs: RunRecord[] = [];

  constructor(private readonly store: RunStore) {}

  async make(change: Change): Promise<void> {
    if (change.do === 'create') {
      const userKey = `user:${change.user}`;
      const record = newRecord({ userKey, sessionId: `s${change.session}` });
      this.runs.push(record);
      await this.store.create(record);
      return;
    }
    const index = change.run % Math.max(this.runs.length, 1);
    const record = this.runs[index];
    if (record === undefined) return;
    if (change.do === 'remove') {
      this.runs.splice(index, 1);
      await this.store.remove(record.id);
      return;
    }
    const changes =
      change.do === 'end' ? ended(END_REASONS[change.reason]) : { state: 'preparing' as const };
    const from = change.do === 'end' ? UNENDED : (['queued'] as const);
    const isDone = await this.store.transition(record.id, from, changes);
    if (isDone) this.runs[index] = { ...record, ...changes };
  }

  /** Ids of the runs that a filter lets pass, newest first. */
  matching({ userKey, sessionId, state }: Omit<RunFilter, 'before'>): string[] {
    return this.runs
      .filter(
        (it) =>
          it.userKey === (userKey ?? it.userKey) &&
          it.sessionId === (sessionId ?? it.sessionId) &&
          it.state === (state ?? it.state),
      )
      .map(({ id }) => id)
      .reverse();
  }
}

/** Lists of runs: newest first, filtered, in pages that fit together whatever happens meanwhile. */
export function describeRunLists(storage: () => RunStoreStorage): void {
  describe('a list', () => {
    let store: RunStore;
    beforeEach(() => (store = storage().open()));

    it('of nothing is one empty page', async () => {
      expect(await store.list(EVERYTHING)).toEqual({ runs: [], next: null });
    });

    it('has a next page only if there is something on it', async () => {
      const model = new Model(store);
      for (let count = 0; count < 4; count += 1) {
        await model.make({ do: 'create', user: 0, session: 0 });
      }
      await model.make({ do: 'end', run: 0, reason: 0 });
      await model.make({ do: 'end', run: 2, reason: 0 });
      const [fourth, third, second, first] = model.matching({ ...EVERYTHING });
      const page = async (limit: number, before: string | null) => {
        const { runs, next } = await store.list({ ...EVERYTHING, limit, before });
        return [runs.map(({ id }) => id), next];
      };
      expect(await page(2, null)).toEqual([[fourth, third], third]);
      expect(await page(2, third!)).toEqual([[second, first], null]);
      expect(await page(4, null)).toEqual([[fourth, third, second, first], null]);
      expect(await page(3, fourth!)).toEqual([[third, second, first], null]);
      expect(await page(1, first!)).toEqual([[], null]);
    });

    it('is had of the sessions of all runs too, in this server and the next', async () => {
      const model = new Model(store);
      for (const session of [0, 1, 2, 2]) await model.make({ do: 'create', user: 0, session });
      for (const run of [1, 2]) await model.make({ do: 'end', run, reason: 0 });
      expect([...(await store.sessions())].sort()).toEqual(['s0', 's1', 's2']);
      await model.make({ do: 'remove', run: 1 });
      await model.make({ do: 'remove', run: 1 });
      expect([...(await store.sessions())].sort()).toEqual(['s0', 's2']);
      const next = storage().open();
      await next.takeOver();
      expect([...(await next.sessions())].sort()).toEqual(['s0', 's2']);
    });

    it('has the runs that a filter lets pass, newest first, in pages of any size', async () => {
      await fc.assert(
        fc.asyncProperty(
          changes(40),
          fc.array(filter, { minLength: 1, maxLength: 5 }),
          fc.boolean(),
          async (changes, filters, isReadBefore) => {
            // What earlier runs of the property have left goes by the way of the model.
            for (const id of await listed(store)) await store.remove(id);
            const model = new Model(store);
            if (isReadBefore) await listed(store);
            for (const change of changes) await model.make(change);
            for (const filter of filters) {
              expect(await listed(store, filter)).toEqual(model.matching(filter));
            }
            const whole = (await store.list(EVERYTHING)).runs;
            expect(whole).toEqual([...model.runs].reverse());
          },
        ),
        { numRuns: 60 },
      );
    });

    it('shows every run that is there all the while once, whatever happens between pages', async () => {
      await fc.assert(
        fc.asyncProperty(
          changes(30),
          fc.array(changes(5), { minLength: 8, maxLength: 8 }),
          filter,
          async (before, meanwhile, filter) => {
            for (const id of await listed(store)) await store.remove(id);
            const model = new Model(store);
            for (const change of before) await model.make(change);
            const atFirst = model.matching(filter);
            let page = 0;
            const seen = await listed(store, filter, async () => {
              for (const change of meanwhile[page] ?? []) await model.make(change);
              page += 1;
            });
            const atLast = new Set(model.matching(filter));
            expect(seen).toEqual([...new Set(seen)].sort().reverse());
            expect(seen).toEqual(expect.arrayContaining(atFirst.filter((id) => atLast.has(id))));
          },
        ),
        { numRuns: 60 },
      );
    });

    it('misses no run that ends while it is made', async () => {
      for (let count = 0; count < 20; count += 1) {
        const server = storage().open();
        const record = newRecord();
        await server.create(record);
        const list = listed(server, { limit: 200 });
        const ending = server.transition(record.id, UNENDED, ended());
        expect(await list).toContain(record.id);
        await ending;
        expect((await listed(server))[0]).toBe(record.id);
      }
    });
  });
}

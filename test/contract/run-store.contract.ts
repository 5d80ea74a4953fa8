import type { RunRecord } from '../../src/run/run-record.js';
import type { RunStore } from '../../src/run/run-store.js';
import { describeRunKeys } from './run-keys.contract.js';
import { describeRunLists } from './run-lists.contract.js';
import {
  ended,
  endedRuns,
  listed,
  newRecord,
  type RunStoreStorage,
  type RunStoreStorageFactory,
  UNENDED,
} from './run-store-fixture.js';

/** The rules of the port, for every adapter of it. */
export function describeRunStore(name: string, factory: RunStoreStorageFactory): void {
  describe(`${name} keeps the records of runs`, () => {
    let storage: RunStoreStorage;
    let store: RunStore;

    beforeEach(() => {
      storage = factory();
      store = storage.open();
    });
    afterEach(() => storage.dispose());

    const create = async (changes: Partial<RunRecord> = {}): Promise<RunRecord> => {
      const record = newRecord(changes);
      expect(await store.create(record)).toBeNull();
      return record;
    };

    it('gives back what was stored, in this server and the next', async () => {
      const record = await create();
      expect(await store.get(record.id)).toEqual(record);
      const next = storage.open();
      expect(await next.takeOver()).toEqual([record]);
      expect(await next.get(record.id)).toEqual(record);
    });

    it.each(['0'.repeat(32), '', '..', '../../etc/passwd', 'x\0y', 'A'.repeat(300)])(
      'knows no run %j',
      async (id) => {
        await create();
        expect(await store.get(id)).toBeNull();
        expect(await store.transition(id, UNENDED, ended())).toBe(false);
        await store.annotate(id, { eventsExpired: true });
        await store.remove(id);
        expect(await listed(store)).toHaveLength(1);
      },
    );

    describe('a transition', () => {
      it('changes the state and other facts, and nothing else', async () => {
        const record = await create();
        await store.transition(record.id, ['queued'], { state: 'preparing' });
        const process = { pid: 1, startTime: 2, host: 'h' };
        const running = { state: 'running', startedAt: '2026-01-01T00:00:00.500Z' } as const;
        expect(await store.transition(record.id, ['preparing'], { ...running, process })).toBe(
          true,
        );
        expect(await store.get(record.id)).toEqual({ ...record, ...running, process });
        const end = ended('timeout');
        expect(await store.transition(record.id, UNENDED, end)).toBe(true);
        const whole = { ...record, ...running, process, ...end };
        expect(await store.get(record.id)).toEqual(whole);
        expect(await storage.open().get(record.id)).toEqual(whole);
      });

      it('is refused from every other state, and then changes nothing', async () => {
        const record = await create();
        expect(await store.transition(record.id, ['preparing', 'running'], ended())).toBe(false);
        expect(await store.transition(record.id, [], ended())).toBe(false);
        expect(await store.get(record.id)).toEqual(record);
        await store.transition(record.id, ['queued'], ended('cancelled'));
        expect(await store.transition(record.id, UNENDED, ended('lost'))).toBe(false);
        expect((await store.get(record.id))!.state).toBe('cancelled');
      });

      it('of several at once happens once', async () => {
        const { id } = await create();
        const reasons = ['completed', 'timeout', 'cancelled', 'lost'] as const;
        const won = await Promise.all(
          reasons.map((reason) => store.transition(id, UNENDED, ended(reason))),
        );
        expect(won.filter(Boolean)).toHaveLength(1);
        expect((await store.get(id))!.state).toBe(reasons[won.indexOf(true)]);
        expect(await endedRuns(store)).toHaveLength(1);
      });
    });

    describe('an annotation', () => {
      it('changes facts of a run that lives or has ended', async () => {
        const live = await create();
        const gone = await create();
        await store.transition(gone.id, UNENDED, ended());
        const process = { pid: 1, startTime: 2, host: 'h' };
        await store.annotate(live.id, { process });
        await store.annotate(gone.id, { eventsExpired: true });
        const next = storage.open();
        expect(await next.takeOver()).toEqual([{ ...live, process }]);
        expect(await next.get(gone.id)).toEqual({ ...gone, ...ended(), eventsExpired: true });
      });

      it('loses no other one that is made at the same time', async () => {
        const { id } = await create();
        await store.transition(id, UNENDED, ended());
        await Promise.all([
          store.annotate(id, { lastEventId: 7 }),
          store.annotate(id, { eventsExpired: true }),
          store.annotate(id, { eventBytes: 70 }),
        ]);
        const changes = { lastEventId: 7, eventBytes: 70, eventsExpired: true };
        expect(await store.get(id)).toMatchObject(changes);
        expect(await storage.open().get(id)).toMatchObject(changes);
      });

      it('takes nothing back of an end that comes at the same time', async () => {
        const { id } = await create();
        const process = { pid: 1, startTime: 2, host: 'h' };
        await Promise.all([
          store.annotate(id, { process }),
          store.transition(id, UNENDED, ended('completed')),
        ]);
        expect(await store.get(id)).toMatchObject({ state: 'completed', process });
        const next = storage.open();
        expect(await next.takeOver()).toEqual([]);
        expect(await next.get(id)).toMatchObject({ state: 'completed', process });
      });
    });

    describe('the next server', () => {
      it('finds the runs that have not ended, in the order in which they were made', async () => {
        const records: RunRecord[] = [];
        for (let count = 0; count < 30; count += 1) records.push(await create());
        for (const { id } of records.filter((_, index) => index % 3 === 0)) {
          await store.transition(id, UNENDED, ended());
        }
        const left = records.filter((_, index) => index % 3 !== 0);
        expect((await store.takeOver()).map(({ id }) => id)).toEqual(left.map(({ id }) => id));
        const next = storage.open();
        expect(await next.takeOver()).toEqual(left);
        expect(await next.takeOver()).toEqual(left);
      });

      it('finds what was running as running, and what was prepared as queued', async () => {
        const [prepared, running] = [await create(), await create()];
        await store.transition(prepared.id, ['queued'], { state: 'preparing' });
        expect((await store.get(prepared.id))!.state).toBe('preparing');
        await store.transition(running.id, ['queued'], { state: 'preparing' });
        await store.transition(running.id, ['preparing'], { state: 'running' });
        const states = (await storage.open().takeOver()).map(({ state }) => state);
        expect(states).toEqual(['queued', 'running']);
      });
    });

    describe('a run whose end is not in its log', () => {
      it('has ended for everybody, and is unfinished for the next server, until it is', async () => {
        const { id } = await create();
        await store.transition(id, UNENDED, ended('failed', { isEndLogged: false }));
        expect(await store.get(id)).toMatchObject({ state: 'failed', isEndLogged: false });
        const [left] = await storage.open().takeOver();
        expect(left).toMatchObject({ id, state: 'failed', end: { reason: 'failed' } });
        await store.annotate(id, { lastEventId: 4, isEndLogged: true });
        const next = storage.open();
        expect(await next.takeOver()).toEqual([]);
        expect(await next.get(id)).toMatchObject({ state: 'failed', lastEventId: 4 });
      });
    });

    describe('ended runs', () => {
      it('are given with what retention goes by, oldest first', async () => {
        const bob = { userId: 'bob', userKey: 'user:bob', sessionId: 't' };
        const records = [await create(), await create(bob), await create(), await create()];
        const endedAt = '2026-02-01T00:00:00.000Z';
        await store.transition(records[1]!.id, UNENDED, ended('lost', { endedAt, eventBytes: 5 }));
        await store.transition(records[0]!.id, UNENDED, ended());
        await store.transition(records[3]!.id, UNENDED, ended());
        await store.annotate(records[3]!.id, { eventsExpired: true });
        const usual = { userKey: 'user:ann', endedAt: ended().endedAt };
        const expected = [
          { id: records[0]!.id, ...usual, eventBytes: 1000 },
          { id: records[1]!.id, userKey: 'user:bob', endedAt, eventBytes: 5 },
          { id: records[3]!.id, ...usual, eventBytes: 0 },
        ];
        for (const server of [store, storage.open()]) {
          // Twice: what is known of a run need not be read again.
          for (let time = 0; time < 2; time += 1) {
            expect(await endedRuns(server)).toMatchObject(expected);
          }
        }
      });

      it('may be removed and made while they are gone through', async () => {
        const ids: string[] = [];
        for (let count = 0; count < 10; count += 1) {
          const { id } = await create();
          await store.transition(id, UNENDED, ended());
          ids.push(id);
        }
        const seen: string[] = [];
        for await (const { id } of store.ended()) {
          seen.push(id);
          await store.remove(id);
          const { id: made } = await create();
          await store.transition(made, UNENDED, ended());
        }
        expect(seen).toEqual(ids);
        expect(await endedRuns(store)).toHaveLength(10);
      });
    });

    it('forgets a run that is removed, whether it lives or has ended', async () => {
      const [live, gone, stays] = [await create(), await create(), await create()];
      await store.transition(gone.id, UNENDED, ended());
      expect(await listed(store)).toHaveLength(3);
      for (const { id } of [live, gone]) {
        await store.remove(id);
        await store.remove(id);
      }
      for (const server of [store, storage.open()]) {
        expect(await server.takeOver()).toEqual([stays]);
        expect(await server.get(live.id)).toBeNull();
        expect(await server.get(gone.id)).toBeNull();
        expect(await listed(server)).toEqual([stays.id]);
        expect(await endedRuns(server)).toEqual([]);
      }
    });

    describeRunKeys(() => storage);
    describeRunLists(() => storage);
  });
}

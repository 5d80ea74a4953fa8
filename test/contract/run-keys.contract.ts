import type { RunStore } from '../../src/run/run-store.js';
import { ended, listed, newRecord, type RunStoreStorage, UNENDED } from './run-store-fixture.js';

/** Idempotency keys: one key, one run (contract, section 9). */
export function describeRunKeys(storage: () => RunStoreStorage): void {
  describe('an idempotency key', () => {
    let store: RunStore;
    beforeEach(() => (store = storage().open()));

    const withKey = (key: string, bodyHash = 'body') => newRecord({ claim: { key, bodyHash } });

    it('belongs to the run that came with it first', async () => {
      const [first, second] = [withKey('k', 'one'), withKey('k', 'two')];
      expect(await store.findByKey('k')).toBeNull();
      expect(await store.create(first)).toBeNull();
      const owner = { runId: first.id, bodyHash: 'one' };
      expect(await store.create(second)).toEqual(owner);
      expect(await store.get(second.id)).toBeNull();
      expect(await store.findByKey('k')).toEqual(owner);
      expect(await store.findByKey('other')).toBeNull();
      expect(await listed(store)).toEqual([first.id]);
    });

    it('makes one run of many that come at once', async () => {
      const records = Array.from({ length: 200 }, () => withKey('k'));
      const answers = await Promise.all(records.map((record) => store.create(record)));
      const winners = records.filter((_, index) => answers[index] === null);
      expect(winners).toHaveLength(1);
      const owner = { runId: winners[0]!.id, bodyHash: 'body' };
      for (const answer of answers) if (answer !== null) expect(answer).toEqual(owner);
      expect(await listed(store)).toEqual([winners[0]!.id]);
    });

    it('stays with its run after the end, and in the next server', async () => {
      const [live, gone] = [withKey('live'), withKey('gone')];
      await store.create(live);
      await store.create(gone);
      await store.transition(gone.id, UNENDED, ended());
      const next = storage().open();
      await next.takeOver();
      for (const server of [store, next]) {
        expect((await server.findByKey('live'))?.runId).toBe(live.id);
        expect((await server.create(withKey('gone')))?.runId).toBe(gone.id);
      }
    });

    it('comes free when its run is removed', async () => {
      for (const hasEnded of [false, true]) {
        const [first, second] = [withKey('k'), withKey('k')];
        await store.create(first);
        if (hasEnded) await store.transition(first.id, UNENDED, ended());
        await store.remove(first.id);
        expect(await store.findByKey('k')).toBeNull();
        expect(await store.create(second)).toBeNull();
        await store.remove(second.id);
      }
    });

    it('is not taken from its run by the removal of another', async () => {
      const owner = withKey('k');
      await store.create(owner);
      const other = withKey('k');
      await store.create(other);
      await store.remove(other.id);
      expect((await store.findByKey('k'))?.runId).toBe(owner.id);
    });
  });
}

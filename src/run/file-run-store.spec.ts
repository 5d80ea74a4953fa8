import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeRunStore } from '../../test/contract/run-store.contract.js';
import {
  ended,
  endedRuns,
  listed,
  newRecord,
  type RunStoreStorage,
  UNENDED,
} from '../../test/contract/run-store-fixture.js';
import { FileRunStore } from './file-run-store.js';
import { newRunId } from './run-id.js';

interface FileStorage extends RunStoreStorage {
  root: string;
  /** Files that a store could not read. */
  damaged: string[];
  open(): FileRunStore;
}

function fileStorage(): FileStorage {
  const folder = mkdtempSync(join(tmpdir(), 'fermilink-store-'));
  const root = join(folder, 'store');
  const opened: FileRunStore[] = [];
  const damaged: string[] = [];
  return {
    root,
    damaged,
    open: () => {
      opened.push(new FileRunStore(root, (file) => damaged.push(file)));
      return opened.at(-1)!;
    },
    dispose: () => {
      for (const store of opened) store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

describeRunStore('FileRunStore', fileStorage);

describe('FileRunStore', () => {
  let storage: FileStorage;
  let root: string;
  let store: FileRunStore;
  let damaged: string[];
  beforeEach(() => {
    storage = fileStorage();
    ({ root, damaged } = storage);
    store = storage.open();
  });
  afterEach(() => storage.dispose());

  const liveFile = (id: string) => join(root, 'live', `${id}.json`);
  const endedFile = (id: string) => join(root, 'ended', `${id}.json`);
  const names = () => ['live', 'ended', 'keys'].map((it) => readdirSync(join(root, it)).length);

  it('keeps others from reading what it writes', async () => {
    const [live, gone] = [newRecord(), newRecord({ claim: { key: 'k', bodyHash: 'b' } })];
    await store.create(live);
    await store.annotate(live.id, { eventBytes: 1 });
    await store.create(gone);
    await store.transition(gone.id, UNENDED, ended());
    for (const path of ['', 'live', 'ended', 'keys']) {
      expect([path, statSync(join(root, path)).mode & 0o777]).toEqual([path, 0o700]);
    }
    for (const path of [liveFile(live.id), endedFile(gone.id), join(root, 'keys', 'k.json')]) {
      expect([path, statSync(path).mode & 0o777]).toEqual([path, 0o600]);
    }
  });

  it('leaves nothing of a run that it removes', async () => {
    const [live, gone] = ['a', 'b'].map((key) => newRecord({ claim: { key, bodyHash: 'b' } }));
    await store.create(live!);
    await store.create(gone!);
    await store.transition(gone!.id, UNENDED, ended());
    expect(names()).toEqual([1, 1, 2]);
    await store.remove(live!.id);
    await store.remove(gone!.id);
    expect(names()).toEqual([0, 0, 0]);
  });

  describe('after a crash', () => {
    it('sets a record aside that is not whole, wherever it was torn', async () => {
      const whole = newRecord();
      await store.create(whole);
      const text = readFileSync(liveFile(whole.id));
      const torn: string[] = [];
      for (let cut = 0; cut < text.length; cut += 1) {
        torn.push(newRunId());
        writeFileSync(liveFile(torn.at(-1)!), text.subarray(0, cut));
      }
      const next = storage.open();
      expect(await next.takeOver()).toEqual([whole]);
      expect(await listed(next)).toEqual([whole.id]);
      // Of one that is empty nothing can be learnt.
      const aside = torn.slice(1).map((id) => `${id}.json.damaged`);
      expect(readdirSync(join(root, 'live')).sort()).toEqual([`${whole.id}.json`, ...aside].sort());
      expect(damaged).toEqual(torn.slice(1).map((id) => `${id}.json`));
      expect(names().slice(1)).toEqual([0, 0]);
    });

    it('goes on beside what is no record, and what cannot be read', async () => {
      const whole = newRecord();
      await store.create(whole);
      const kept = newRecord();
      await store.create(kept);
      await store.transition(kept.id, UNENDED, ended());
      const strange = { folder: newRunId(), later: newRunId(), partial: newRunId() };
      mkdirSync(liveFile(strange.folder));
      mkdirSync(`${liveFile(strange.folder)}.tmp`);
      writeFileSync(liveFile(strange.later), JSON.stringify({ ...newRecord(), version: 2 }));
      writeFileSync(
        liveFile(strange.partial),
        JSON.stringify({ ...newRecord(), order: undefined }),
      );
      const unreadable = newRunId();
      mkdirSync(endedFile(unreadable));
      const next = storage.open();
      expect(await next.takeOver()).toEqual([whole]);
      expect(damaged).toHaveLength(4);
      expect(await listed(next)).toEqual([kept.id, whole.id]);
      expect((await endedRuns(next)).map(({ id }) => id).sort()).toEqual(
        [kept.id, unreadable].sort(),
      );
      await next.remove(kept.id);
      expect(await listed(next)).toEqual([whole.id]);
    });

    it('takes a run for live whose end was torn', async () => {
      const record = newRecord();
      await store.create(record);
      writeFileSync(endedFile(record.id), '{"version":1,"id":');
      const next = storage.open();
      expect(await next.takeOver()).toEqual([record]);
      expect(await next.transition(record.id, UNENDED, ended('lost'))).toBe(true);
      expect((await storage.open().get(record.id))!.state).toBe('lost');
    });

    it('gives a key whose run was never stored to the next that comes', async () => {
      const lost = newRecord({ claim: { key: 'k', bodyHash: 'b' } });
      await store.create(lost);
      rmSync(liveFile(lost.id));
      const next = storage.open();
      await next.takeOver();
      expect(await next.findByKey('k')).toBeNull();
      const record = newRecord({ claim: { key: 'k', bodyHash: 'c' } });
      expect(await next.create(record)).toBeNull();
      expect(await next.findByKey('k')).toEqual({ runId: record.id, bodyHash: 'c' });
    });

    it.each(['', '{', 'null', '{"runId":"../../x","bodyHash":"b"}', '[]', '7'])(
      'gives a key whose file holds %j to the next that comes',
      async (text) => {
        writeFileSync(join(root, 'keys', 'k.json'), text);
        expect(await store.findByKey('k')).toBeNull();
        const record = newRecord({ claim: { key: 'k', bodyHash: 'c' } });
        expect(await store.create(record)).toBeNull();
        expect((await store.findByKey('k'))?.runId).toBe(record.id);
      },
    );

    it('removes what was written of a live record that was to be replaced', async () => {
      const record = newRecord();
      await store.create(record);
      writeFileSync(`${liveFile(record.id)}.tmp`, '{"version":1');
      writeFileSync(`${liveFile(newRunId())}.tmp`, '{"version":1');
      expect(await storage.open().takeOver()).toEqual([record]);
      expect(names()).toEqual([1, 0, 0]);
    });

    it('takes up a run whose end was written into its live file, and puts it away', async () => {
      const record = newRecord({ ...ended('timeout') });
      writeFileSync(liveFile(record.id), JSON.stringify(record));
      const next = storage.open();
      expect((await next.get(record.id))?.state ?? 'unknown').toBe('unknown');
      expect(await next.takeOver()).toEqual([record]);
      expect((await next.get(record.id))!.state).toBe('timeout');
      await next.annotate(record.id, { lastEventId: 4 });
      expect(names()).toEqual([0, 1, 0]);
      expect(await storage.open().get(record.id)).toEqual({ ...record, lastEventId: 4 });
    });
  });

  it('is not slowed at its start by the runs that are kept', async () => {
    for (let count = 0; count < 20; count += 1) await store.create(newRecord());
    const record = { ...newRecord(), ...ended() };
    for (let count = 0; count < 20_000; count += 1) {
      const id = newRunId();
      writeFileSync(endedFile(id), JSON.stringify({ ...record, id }));
    }
    const startAnew = async () => expect(await storage.open().takeOver()).toHaveLength(20);
    const list = () => readdir(join(root, 'ended'));
    let [start, listing] = [Infinity, Infinity];
    // In turn, so that both meet the same moods of the machine.
    for (let time = 0; time < 10; time += 1) {
      start = Math.min(start, await timeOf(startAnew));
      listing = Math.min(listing, await timeOf(list));
    }
    // A start that lists them, not to speak of one that reads them, takes longer than the list alone.
    expect(start).toBeLessThan(listing);
  });

  it('holds up nobody while it goes through the ended runs', async () => {
    const record = { ...newRecord(), ...ended() };
    for (let count = 0; count < 5_000; count += 1) {
      const id = newRunId();
      writeFileSync(endedFile(id), JSON.stringify({ ...record, id }));
    }
    expect(await endedRuns(store)).toHaveLength(5_000);
    // All is known now, and nothing has to be waited for.
    expect(await turnsDuring(() => endedRuns(store))).toBeGreaterThanOrEqual(2);
    const nobody = { userKey: 'user:nobody' };
    expect(await turnsDuring(() => listed(store, nobody))).toBeGreaterThanOrEqual(2);
  });
});

/** How long something takes, in milliseconds. */
async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** How often others had their turn while something was done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let next = setImmediate(function count() {
    turns += 1;
    next = setImmediate(count);
  });
  try {
    await work();
  } finally {
    clearImmediate(next);
  }
  return turns;
}

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  ended,
  endedRuns,
  listed,
  newRecord,
  UNENDED,
} from '../../test/contract/run-store-fixture.js';
import { eventually } from '../../test/support/processes.js';
import { Tmpfs } from '../../test/support/tmpfs.js';
import { FileRunStore } from './file-run-store.js';

/** An end that does not fit into the page that a record has. */
const longEnd = () => {
  const end = { ...ended('failed').end!, detail: 'é'.repeat(4_000) };
  return ended('failed', { end });
};

describe('records on a full disk', () => {
  let disk: Tmpfs;
  let opened: FileRunStore[];
  let store: FileRunStore;
  const open = () => {
    opened.push(new FileRunStore(join(disk.path, 'store')));
    return opened.at(-1)!;
  };
  beforeEach(() => {
    disk = Tmpfs.mount(1 << 20);
    opened = [];
    store = open();
  });
  afterEach(() => {
    for (const it of opened) it.close();
    disk.unmount();
  });

  const filesIn = (folder: string) => readdirSync(join(disk.path, 'store', folder)).sort();

  it('are refused whole: a run that cannot be stored is not there, and its key stays free', async () => {
    disk.fill();
    const record = newRecord({ claim: { key: 'k', bodyHash: 'b' } });
    await expect(store.create(record)).rejects.toMatchObject({ code: 'ENOSPC' });
    for (const server of [store, open()]) {
      expect(await server.takeOver()).toEqual([]);
      expect(await server.get(record.id)).toBeNull();
      expect(await server.findByKey('k')).toBeNull();
    }
    expect([filesIn('live'), filesIn('ended'), filesIn('keys')]).toEqual([[], [], []]);
    // Room for the key, and none for the record.
    disk.fill(4096);
    await expect(store.create(record)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect([filesIn('live'), filesIn('keys')]).toEqual([[], []]);
    disk.empty();
    expect(await store.create(record)).toBeNull();
  });

  it('have an end at once, also for the next server, where it fits into the page they have', async () => {
    const record = newRecord();
    await store.create(record);
    disk.fill();
    expect(await store.transition(record.id, UNENDED, ended('timeout'))).toBe(true);
    const whole = { ...record, ...ended('timeout') };
    expect(await store.get(record.id)).toEqual(whole);
    expect(await listed(store, { state: 'timeout' })).toEqual([record.id]);
    expect([filesIn('live'), filesIn('ended')]).toEqual([[], [`${record.id}.json`]]);
    const next = open();
    expect(await next.takeOver()).toEqual([]);
    expect(await next.get(record.id)).toEqual(whole);
  });

  it('have an end at once that does not fit, and it is written when there is room', async () => {
    const record = newRecord({ claim: { key: 'k', bodyHash: 'b' } });
    await store.create(record);
    disk.fill();
    expect(await store.transition(record.id, UNENDED, longEnd())).toBe(true);
    const whole = { ...record, ...longEnd() };
    expect(await store.get(record.id)).toEqual(whole);
    expect(await store.transition(record.id, UNENDED, ended('lost'))).toBe(false);
    expect(await listed(store)).toEqual([record.id]);
    expect((await store.findByKey('k'))?.runId).toBe(record.id);
    // The next server would find it as it was.
    expect(await open().takeOver()).toEqual([record]);

    disk.empty();
    await eventually(
      () => filesIn('ended'),
      (names) => names.length === 1,
    );
    expect(filesIn('live')).toEqual([]);
    expect(await listed(store)).toEqual([record.id]);
    expect((await endedRuns(store)).map(({ id }) => id)).toEqual([record.id]);
    expect(await open().get(record.id)).toEqual(whole);
  });

  it('are changed in place when they become shorter', async () => {
    const record = newRecord();
    await store.create(record);
    await store.transition(record.id, UNENDED, ended());
    const path = join(disk.path, 'store', 'ended', `${record.id}.json`);
    const before = statSync(path);
    disk.fill();
    await store.annotate(record.id, { eventsExpired: true });
    const whole = { ...record, ...ended(), eventsExpired: true };
    expect(await open().get(record.id)).toEqual(whole);
    const after = statSync(path);
    // One write of the same length: a server that is killed leaves the old text or the new one.
    expect([after.ino, after.size]).toEqual([before.ino, before.size]);
  });

  it('are removed all the same', async () => {
    const record = newRecord({ claim: { key: 'k', bodyHash: 'b' } });
    await store.create(record);
    disk.fill();
    await store.transition(record.id, UNENDED, longEnd());
    await store.remove(record.id);
    expect([filesIn('live'), filesIn('ended'), filesIn('keys')]).toEqual([[], [], []]);
    expect(await listed(store)).toEqual([]);
  });
});

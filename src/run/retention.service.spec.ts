import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endOf } from '../../test/contract/run-log-fixture.js';
import { ended, listed, newRecord, UNENDED } from '../../test/contract/run-store-fixture.js';
import { createLogger } from '../common/logger.js';
import type { RunnerConfig } from '../config/runner-config.js';
import { FileRunLogs } from './file-run-logs.js';
import { FileRunStore } from './file-run-store.js';
import { LiveRuns } from './live-runs.js';
import { RetentionService } from './retention.service.js';
import type { RunChanges } from './run-record.js';
import type { RunLogReader } from './run-log.js';
import { Run } from './run.js';

const NOW = Date.parse('2026-06-01T00:00:00Z');
const HOUR_MS = 3_600_000;
const EVENT_BYTES = 10_000;

/** A store that lets something happen while a run's events are being given up. */
class InterruptedStore extends FileRunStore {
  onAnnotate: () => void = () => undefined;

  override async annotate(id: string, changes: Omit<RunChanges, 'state'>): Promise<void> {
    await super.annotate(id, changes);
    this.onAnnotate();
  }
}

describe('retention', () => {
  let folder: string;
  let store: InterruptedStore;
  let logs: FileRunLogs;
  let live: LiveRuns;
  const readers: RunLogReader[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fermilink-retention-'));
    store = new InterruptedStore(join(folder, 'store'));
    logs = new FileRunLogs(join(folder, 'logs'), 1 << 20);
    live = new LiveRuns();
  });
  afterEach(() => {
    for (const reader of readers.splice(0)) reader.close();
    rmSync(folder, { recursive: true });
  });

  const sweep = async (limits: { hours?: number; runs?: number }) => {
    const config = {
      retainRunsHours: limits.hours ?? 1_000,
      retainBytes: (limits.runs ?? 1_000) * (EVENT_BYTES + 500),
    } as RunnerConfig;
    await new RetentionService(store, logs, createLogger(), config, live).sweep(NOW);
  };

  /** A run with events that ended so many hours ago. */
  const endedRun = async (hoursAgo: number, user = 'ann'): Promise<string> => {
    const claim = { key: `key-${hoursAgo}-${user}`, bodyHash: 'b' };
    const record = newRecord({ userKey: `user:${user}`, claim });
    await store.create(record);
    const log = logs.create(record.id);
    log.append('agent', 'x'.repeat(EVENT_BYTES));
    const lastEventId = (await endOf(log))!;
    const endedAt = new Date(NOW - hoursAgo * HOUR_MS).toISOString();
    const facts = { endedAt, lastEventId, eventBytes: log.size };
    await store.transition(record.id, UNENDED, ended('completed', facts));
    return record.id;
  };

  const follow = (id: string) => readers.push(logs.open(id, 2)!.reader(0));
  const hasEvents = (id: string) => logs.open(id, 2) !== null;

  it('removes record, key and log of a run whose time is over', async () => {
    const [old, young] = [await endedRun(73), await endedRun(71)];
    await sweep({ hours: 72 });
    expect(await listed(store)).toEqual([young]);
    expect(await store.findByKey('key-73-ann')).toBeNull();
    expect([hasEvents(old), hasEvents(young)]).toEqual([false, true]);
    expect((await store.get(young))!.eventsExpired).toBe(false);
  });

  it('removes no run that somebody follows, nor one that lives', async () => {
    const [followed, stillKnown] = [await endedRun(100), await endedRun(99)];
    const waiting = newRecord();
    await store.create(waiting);
    follow(followed);
    live.add(new Run((await store.get(stillKnown))!, logs.open(stillKnown, 2)!, 0));
    await sweep({ hours: 1, runs: 0 });
    expect(await listed(store)).toEqual([waiting.id, stillKnown, followed]);
    expect([hasEvents(followed), hasEvents(stillKnown)]).toEqual([true, true]);
    readers.pop()!.close();
    await sweep({ hours: 1 });
    expect(await store.get(followed)).toBeNull();
  });

  it('takes events first from the user who holds most, the oldest end first', async () => {
    const ann = [await endedRun(1), await endedRun(5), await endedRun(3), await endedRun(4)];
    const bob = [await endedRun(50, 'bob'), await endedRun(40, 'bob')];
    await sweep({ runs: 4 });
    expect([...ann, ...bob].map(hasEvents)).toEqual([true, false, true, false, true, true]);
    await sweep({ runs: 3 });
    expect([...ann, ...bob].filter(hasEvents)).toHaveLength(3);
    await sweep({ runs: 1 });
    expect([...ann, ...bob].filter(hasEvents)).toHaveLength(1);
  });

  it('keeps the record of a run whose events it takes', async () => {
    const id = await endedRun(1);
    await sweep({ runs: 0 });
    expect(hasEvents(id)).toBe(false);
    expect(await store.get(id)).toMatchObject({ state: 'completed', eventsExpired: true });
    expect((await store.findByKey('key-1-ann'))?.runId).toBe(id);
  });

  it('passes over runs that are followed when it makes room', async () => {
    const [older, newer] = [await endedRun(2), await endedRun(1)];
    follow(older);
    await sweep({ runs: 1 });
    expect([hasEvents(older), hasEvents(newer)]).toEqual([true, false]);
    await sweep({ runs: 0 });
    expect(hasEvents(older)).toBe(true);
  });

  it('spares a run that somebody begins to follow while others are taken', async () => {
    const [oldest, next] = [await endedRun(2), await endedRun(1)];
    store.onAnnotate = () => follow(next);
    await sweep({ runs: 0 });
    expect([hasEvents(oldest), hasEvents(next)]).toEqual([false, true]);
    expect((await store.get(next))!.eventsExpired).toBe(false);
  });
});

import { openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  endOf,
  eventsIn,
  flushed,
  idsOf,
  never,
  range,
  readAll,
} from '../../test/contract/run-log-fixture.js';
import { descriptorsOf } from '../../test/support/processes.js';
import { temporaryFolder } from '../../test/support/runner.js';
import { Tmpfs } from '../../test/support/tmpfs.js';
import { FileRunLog } from './file-run-log.js';
import { FileRunLogs } from './file-run-logs.js';
import { FrameBuffer } from './frame-buffer.js';
import { LogIndex } from './log-index.js';
import type { RunLog } from './run-log.js';

/** An end that does not fit into what is left of a page. */
const LONG_END = JSON.stringify({ detail: 'é'.repeat(5_000) });

describe('logs on a full disk', () => {
  let disk: Tmpfs;
  let logs: FileRunLogs;
  let log: RunLog;
  let causes: unknown[];
  beforeAll(() => (disk = Tmpfs.mount(4 << 20)));
  afterAll(() => disk.unmount());

  beforeEach(() => {
    logs = new FileRunLogs(join(disk.path, 'logs'), 1 << 20);
    log = logs.create('r');
    causes = [];
    log.onBroken = (cause) => causes.push(cause);
  });
  afterEach(() => {
    disk.empty();
    logs.remove('r');
  });

  /** Appends `count` events as one write. */
  const appendAtOnce = async (first: number, count: number) => {
    for (const id of range(first, first + count - 1))
      log.append('agent', `${id} ${'é'.repeat(600)}`);
    await flushed();
  };

  const fileText = () => readFileSync(join(disk.path, 'logs', 'r.log'), 'utf8');

  it.each([0, 4096, 16_384, 65_536])(
    'keep the whole events of a write that fails with %i bytes free, and get the end later',
    async (free) => {
      await appendAtOnce(1, 10);
      const before = log.size;
      const following = readAll(log);
      disk.fill(free);
      await appendAtOnce(11, 200);

      expect(causes).toMatchObject([{ code: 'ENOSPC' }]);
      const kept = log.lastEventId;
      // What is free, and what the last page of the file had left.
      expect(log.size).toBeLessThanOrEqual(before + free + 4096);
      expect(log.size).toBeGreaterThan(before + free - 2_500);
      expect(kept).toBeLessThan(210);
      expect(Buffer.byteLength(fileText())).toBe(log.size);
      expect(idsOf(eventsIn(Buffer.from(fileText())))).toEqual(range(1, kept));

      // Nothing more is of use, even if it would fit.
      log.append('log', '{}');
      await flushed();
      expect(log.lastEventId).toBe(kept);
      expect(await log.seal('runner.exit', LONG_END)).toBeNull();
      expect(await log.writeEndAgain()).toBe(false);
      log.publishEnd();
      expect(causes).toHaveLength(1);
      const ending = [...range(1, kept), null];
      expect(idsOf(await following)).toEqual(ending);
      expect(idsOf(await readAll(log, 5))).toEqual(ending.slice(5));
      expect(Buffer.byteLength(fileText())).toBe(log.size);

      disk.empty();
      expect(await log.writeEndAgain()).toBe(true);
      expect(log.lastEventId).toBe(kept + 1);
      expect(logs.open('r', kept)).toBe(log);
      log.abandon();
      expect(logs.isInUse('r')).toBe(false);
      const whole = await readAll(logs.open('r', kept + 1)!);
      expect(idsOf(whole)).toEqual(range(1, kept + 1));
      expect(whole.slice(0, -1).every(({ id, data }) => data.startsWith(`${id} é`))).toBe(true);
      expect(new FileRunLogs(join(disk.path, 'logs'), 1).recover('r').end).toBe(LONG_END);
      expect(causes).toHaveLength(1);
    },
  );

  it('let a server that starts later write the end', async () => {
    await appendAtOnce(1, 10);
    disk.fill(4096);
    await appendAtOnce(11, 50);
    expect(await log.seal('runner.exit', LONG_END)).toBeNull();
    log.publishEnd();
    const kept = log.lastEventId;
    disk.empty();
    const next = new FileRunLogs(join(disk.path, 'logs'), 1);
    const recovered = next.recover('r');
    expect([recovered.log.lastEventId, recovered.end]).toEqual([kept, null]);
    expect(await endOf(recovered.log, LONG_END)).toBe(kept + 1);
    expect(idsOf(await readAll(next.open('r', kept + 1)!))).toEqual(range(1, kept + 1));
    log.abandon();
  });

  it('show the end to readers that come while it is written again', async () => {
    const before = descriptorsOf(process.pid);
    await appendAtOnce(1, 3);
    disk.fill(4096);
    await appendAtOnce(4, 50);
    expect(await log.seal('runner.exit', LONG_END)).toBeNull();
    log.publishEnd();
    const kept = log.lastEventId;
    const early = log.reader(kept);
    disk.empty();
    const writing = log.writeEndAgain();
    const [late, fromStart] = [readAll(log, kept), readAll(log)];
    const seen = eventsIn((await early.next(never))!);
    expect(await early.next(never)).toBeNull();
    early.close();
    expect(await writing).toBe(true);
    log.abandon();
    for (const events of [seen, await late]) {
      expect(events).toHaveLength(1);
      expect(events[0]).toMatchObject({ type: 'runner.exit', data: LONG_END });
    }
    expect((await fromStart).map(({ type }) => type).slice(-2)).toEqual(['agent', 'runner.exit']);
    expect(descriptorsOf(process.pid)).toBe(before);
  });

  it('are written again when there was no room for a single byte', async () => {
    disk.fill();
    await appendAtOnce(1, 3);
    expect([log.lastEventId, log.size]).toEqual([0, 0]);
    expect(await log.seal('runner.exit', '{}')).toBeNull();
    log.publishEnd();
    expect(idsOf(await readAll(log))).toEqual([null]);
    disk.empty();
    expect(await log.writeEndAgain()).toBe(true);
    expect(idsOf(await readAll(logs.open('r', 1)!))).toEqual([1]);
  });

  it('do without an index', async () => {
    const step = 'x'.repeat(600_000);
    log.append('agent', step);
    await flushed();
    log.append('agent', step);
    await flushed();
    // The log has room for a short event in the page that it has begun; the index has no page.
    log.append('agent', 'y');
    disk.fill();
    await flushed();
    expect(statSync(join(disk.path, 'logs', 'r.idx')).size).toBe(0);
    expect(causes).toEqual([]);
    expect(log.lastEventId).toBe(3);
    disk.empty();
    await endOf(log);
    expect(idsOf(await readAll(logs.open('r', 4)!, 2))).toEqual([3, 4]);
  });
});

describe('logs that share the memory in which their events wait', () => {
  it('break each for itself', async () => {
    const folder = temporaryFolder();
    const frames = new FrameBuffer(4096);
    const logOn = (name: string, path: string) =>
      new FileRunLog({
        open: () => openSync(path, 'a+'),
        index: LogIndex.create(join(folder, `${name}.idx`)),
        size: 0,
        lastEventId: 0,
        ended: false,
        frames,
        bufferBytes: 4096,
        onUse: () => undefined,
        onUnused: () => undefined,
      });
    const [full, good] = [logOn('full', '/dev/full'), logOn('good', join(folder, 'good.log'))];
    const causes: unknown[] = [];
    full.onBroken = (cause) => causes.push(cause);
    good.onBroken = (cause) => causes.push(['good', cause]);
    try {
      for (const id of range(1, 3)) {
        full.append('agent', `full ${id}`);
        // What waits of the other is written first.
        good.append('agent', `good ${id}`);
      }
      await flushed();
      expect(causes).toMatchObject([{ code: 'ENOSPC' }]);
      expect([full.lastEventId, good.lastEventId]).toEqual([0, 3]);
      await endOf(good);
      expect((await readAll(good)).map(({ data }) => data)).toEqual([
        ...['good 1', 'good 2', 'good 3'],
        '{}',
      ]);
    } finally {
      full.abandon();
      rmSync(folder, { recursive: true });
    }
  });
});

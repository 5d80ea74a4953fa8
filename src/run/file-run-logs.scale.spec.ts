import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { eventsIn, endOf, never } from '../../test/contract/run-log-fixture.js';
import { FileRunLogs } from './file-run-logs.js';

const LOG_BYTES = 300 * 1024 * 1024;
const EVENT_BYTES = 2_000;
/** The target is 50 ms; a machine that does other work too has ten times that. */
const MOST_MS = 500;

const lines: string[] = [];

/** Bytes that this process has read from files and sockets. */
const bytesRead = () => Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'latin1'))![1]);

describe('a log of 300 MiB', () => {
  let folder: string;
  let lastId: number;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fermilink-scale-'));
    const log = new FileRunLogs(folder, 1 << 20).create('r');
    const data = 'x'.repeat(EVENT_BYTES);
    while (log.size < LOG_BYTES) log.append('agent', data);
    lastId = (await endOf(log))!;
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
    process.stdout.write(`${lines.join('\n')}\n`);
  });

  /** Reads the first batch behind an event, as a server that has never seen this log. */
  const firstAfter = async (after: number) => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const before = bytesRead();
    delay.enable();
    const began = performance.now();
    const reader = new FileRunLogs(folder, 1).open('r', lastId)!.reader(after);
    const batch = await reader.next(never);
    const ms = performance.now() - began;
    delay.disable();
    reader.close();
    return { ids: eventsIn(batch!).map(({ id }) => id), ms, read: bytesRead() - before, delay };
  };

  it.each([
    ['its last event', () => lastId - 1],
    ['its last hundred', () => lastId - 100],
    ['the last third', () => Math.round((lastId * 2) / 3)],
    ['the beginning', () => 0],
  ])('gives what comes first of %s soon, and is read little', async (what, after) => {
    const { ids, ms, read, delay } = await firstAfter(after());
    const kib = Math.round(read / 1024);
    lines.push(
      `300 MiB log, first event of ${what}: ${ms.toFixed(1)} ms, ${kib} KiB read, event loop held ${(delay.max / 1e6).toFixed(1)} ms`,
    );
    expect(ids[0]).toBe(after() + 1);
    expect(ms).toBeLessThan(MOST_MS);
    // From one entry of the index to the next, and a batch.
    expect(read).toBeLessThan(4 * 1024 * 1024);
  });

  it('is recovered from its end alone', () => {
    const before = bytesRead();
    const began = performance.now();
    const { log, end } = new FileRunLogs(folder, 1).recover('r');
    const ms = performance.now() - began;
    lines.push(`300 MiB log, recovered: ${ms.toFixed(1)} ms`);
    log.publishEnd();
    expect([log.lastEventId, end]).toEqual([lastId, '{}']);
    expect(ms).toBeLessThan(MOST_MS);
    expect(bytesRead() - before).toBeLessThan(1024 * 1024);
  });
});

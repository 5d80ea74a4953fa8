import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeRunLogs } from '../../test/contract/run-log.contract.js';
import {
  endOf,
  flushed,
  readAll,
  type RunLogStorage,
} from '../../test/contract/run-log-fixture.js';
import { descriptorsOf } from '../../test/support/processes.js';
import { FileRunLogs } from './file-run-logs.js';

interface FileStorage extends RunLogStorage {
  folder: string;
}

function fileStorage(): FileStorage {
  const root = mkdtempSync(join(tmpdir(), 'fermilink-logs-'));
  const folder = join(root, 'logs');
  return {
    folder,
    open: (bufferBytes = 1 << 20) => new FileRunLogs(folder, bufferBytes),
    tear: (runId, bytes) => appendFileSync(join(folder, `${runId}.log`), bytes),
    dispose: () => rmSync(root, { recursive: true }),
  };
}

describeRunLogs('FileRunLogs', fileStorage);

describe('FileRunLogs', () => {
  let storage: FileStorage;
  beforeEach(() => (storage = fileStorage()));
  afterEach(() => storage.dispose());

  it('keeps others from reading what it writes', async () => {
    const log = storage.open().create('r');
    for (let count = 0; count < 3; count += 1) {
      log.append('agent', 'x'.repeat(1 << 20));
      await flushed();
    }
    await endOf(log);
    expect(statSync(storage.folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(storage.folder).sort()).toEqual(['r.idx', 'r.log']);
    for (const name of ['r.log', 'r.idx']) {
      expect(statSync(join(storage.folder, name)).mode & 0o777).toBe(0o600);
    }
  });

  it('has a file open only while it is written or read, and one for all of its readers', async () => {
    const before = descriptorsOf(process.pid);
    const logs = storage.open();
    const log = logs.create('r');
    log.append('agent', 'x'.repeat(300_000));
    const readers = [0, 0, 1].map((after) => log.reader(after));
    const signal = new AbortController().signal;
    await Promise.all(readers.slice(0, 2).map((reader) => reader.next(signal)));
    expect(descriptorsOf(process.pid)).toBe(before + 1);
    await endOf(log);
    for (const reader of readers) reader.close();
    expect(descriptorsOf(process.pid)).toBe(before);

    const ended = logs.open('r', 2)!;
    expect(descriptorsOf(process.pid)).toBe(before);
    const gone = new AbortController();
    const left = ended.reader(0);
    await left.next(gone.signal);
    expect(descriptorsOf(process.pid)).toBe(before + 1);
    gone.abort();
    await expect(left.next(gone.signal)).rejects.toThrow();
    left.close();
    expect(descriptorsOf(process.pid)).toBe(before);
    expect(logs.isInUse('r')).toBe(false);
  });

  it('leaves no file of a run that it removes', async () => {
    const logs = storage.open();
    const log = logs.create('r');
    for (let count = 0; count < 3; count += 1) log.append('agent', 'x'.repeat(1 << 20));
    await endOf(log);
    expect(readdirSync(storage.folder)).toContain('r.idx');
    logs.remove('r');
    expect(readdirSync(storage.folder)).toEqual([]);
  });

  it('tells once when it cannot write, and gives readers an end without an id', async () => {
    const log = storage.open().create('r');
    rmSync(storage.folder, { recursive: true });
    const causes: unknown[] = [];
    log.onBroken = (cause) => causes.push(cause);
    const reading = readAll(log);
    log.append('agent', 'lost');
    await flushed();
    log.append('agent', 'lost too');
    await flushed();
    expect(await log.seal('runner.exit', '{"reason":"failed"}')).toBeNull();
    log.publishEnd();
    expect(causes).toMatchObject([{ code: 'ENOENT' }]);
    const end = [{ id: null, type: 'runner.exit', data: '{"reason":"failed"}' }];
    expect(await reading).toEqual(end);
    expect(await readAll(log)).toEqual(end);
    expect(await log.writeEndAgain()).toBe(false);
  });
});

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { eventually, processesWith } from '../../test/support/processes.js';
import { lockFile } from './file-lock.js';

describe('the lock of a file', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fermilink-lock-'));
    path = join(folder, 'deep', 'lock');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is held by one at a time, and comes free by its release', async () => {
    const first = await lockFile(path, 0);
    expect(first).not.toBeNull();
    expect(await lockFile(path, 0)).toBeNull();
    await first!.release();
    await (await lockFile(path, 0))!.release();
  });

  it('is waited for until somebody wants to wait no more, and then nothing is left', async () => {
    const first = await lockFile(path, 0);
    const descriptors = readdirSync('/proc/self/fd').length;
    const stop = new AbortController();
    // A number that no other program waits for.
    const seconds = 1000 + process.pid / 1e7;
    const waiting = lockFile(path, seconds, { signal: stop.signal });
    await eventually(
      () => processesWith(String(seconds)),
      (pids) => pids.length === 1,
    );
    // Ctrl-C in a terminal is for the server, and not for what waits in its place.
    const [pid] = processesWith(String(seconds));
    const groupOf = (of: number | string) =>
      readFileSync(`/proc/${of}/stat`, 'utf8').split(') ')[1]!.split(' ')[2];
    expect(groupOf(pid!)).not.toBe(groupOf('self'));
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(processesWith(String(seconds))).toEqual([]);
    expect(readdirSync('/proc/self/fd')).toHaveLength(descriptors);
    await expect(lockFile(path, seconds, { signal: stop.signal })).rejects.toThrow('enough');
    await first!.release();
    await (await lockFile(path, 0))!.release();
  });

  it.each<[string, (at: string) => void]>([
    ['a FIFO', (at) => void execFileSync('mkfifo', [at])],
    ['a folder', (at) => mkdirSync(at)],
    ['a symbolic link', (at) => symlinkSync('elsewhere', at)],
  ])('says that %s stands in its place, and waits for nothing', async (kind, plant) => {
    mkdirSync(dirname(path));
    plant(path);
    const descriptors = readdirSync('/proc/self/fd').length;
    const refusal = { name: 'UnsafePathError', found: expect.stringContaining(kind) };
    await expect(lockFile(path, 0)).rejects.toMatchObject(refusal);
    expect(readdirSync(dirname(path))).toEqual(['lock']);
    expect(readdirSync('/proc/self/fd')).toHaveLength(descriptors);
  });

  it('knows a FIFO that somebody reads', async () => {
    mkdirSync(dirname(path));
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await expect(lockFile(path, 0)).rejects.toMatchObject({ found: 'a FIFO' });
    closeSync(reader);
  });

  it('is not looked for without end where nothing can be made', async () => {
    await expect(lockFile('/proc/x/y/lock', 0)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('waits for another program that holds it', async () => {
    await (await lockFile(path, 0))!.release();
    const holder = spawn('flock', [path, 'sh', '-c', 'echo held; cat']);
    await once(holder.stdout, 'data');
    expect(await lockFile(path, 0)).toBeNull();
    const lock = lockFile(path, 30);
    holder.stdin.end();
    await (await lock)!.release();
  });
});

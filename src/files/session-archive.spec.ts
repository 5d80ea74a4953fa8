import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { Directory } from '../common/directory.js';
import { eventually } from '../../test/support/processes.js';
import { SessionArchive } from './session-archive.service.js';
import type { SessionFolders } from './session-folders.js';

describe('an archive whose client takes nothing', () => {
  let base: string;
  let archives: SessionArchive;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'fermilink-archive-'));
    const within = async (_id: string, work: (session: { repo: Directory }) => Promise<void>) => {
      const repo = await Directory.open(base);
      await work({ repo }).finally(() => repo.close());
    };
    archives = new SessionArchive({ within } as unknown as SessionFolders);
  });
  afterEach(() => {
    jest.useRealTimers();
    rmSync(base, { recursive: true });
  });

  /** Takes a part, and says that it has taken it never. */
  class Stuck extends Writable {
    parts = 0;

    override _write(): void {
      this.parts += 1;
    }
  }

  const write = (target: Writable) =>
    archives.write({ sessionId: 's', owner: null }, target, {
      withGit: false,
      onBegin: () => undefined,
    });

  it('is cut off after an hour, and leaves its place to another one', async () => {
    // The time of the disk is its own.
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
    writeFileSync(join(base, 'noise'), Buffer.alloc(1024 * 1024, 'x'));
    const target = new Stuck({ highWaterMark: 1 });
    const failed = expect(write(target)).rejects.toThrow();
    while (target.parts === 0) await new Promise((resolve) => setImmediate(resolve));
    await expect(write(new Stuck())).rejects.toMatchObject({ code: 'too_many_requests' });
    jest.advanceTimersByTime(3600_000);
    await failed;
    expect(target.destroyed).toBe(true);
    const next = new Writable({ write: (_chunk, _encoding, done) => done() });
    await write(next);
    expect(next.writableEnded).toBe(true);
  });

  it('is cut off where the reading fails', async () => {
    const file = openSync(join(base, 'hole'), 'w');
    ftruncateSync(file, 65 * 1024 ** 3);
    closeSync(file);
    const target = new Stuck({ highWaterMark: 1 });
    await expect(write(target)).rejects.toThrow('more in it than');
    await eventually(() => target.destroyed, Boolean);
  });
});

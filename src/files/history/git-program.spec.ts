import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunnerConfig } from '../../config/runner-config.js';
import { eventually, processesWith } from '../../../test/support/processes.js';
import { GitProgram } from './git-program.js';

describe('a git that does not end', () => {
  let folder: string;
  let git: GitProgram;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fermilink-git-'));
    writeFileSync(join(folder, 'git'), '#!/bin/sh\nsleep 1000 & sleep 1000\n');
    chmodSync(join(folder, 'git'), 0o755);
    const environment = { PATH: `${folder}:${process.env.PATH}` };
    git = new GitProgram({ environment } as unknown as RunnerConfig);
    // The time of processes is their own.
    jest.useFakeTimers({
      doNotFake: ['nextTick', 'performance', 'queueMicrotask', 'setImmediate'],
    });
  });
  afterEach(() => {
    jest.useRealTimers();
    rmSync(folder, { recursive: true });
  });

  /** The shell that is git here, and both that it has started. */
  const untilThere = (count: number) =>
    eventually(
      () => processesWith(folder),
      (pids) => pids.length === count,
    );

  it('is ended after a minute, with all that it has started', async () => {
    const answer = git.run('list', folder, ['log']);
    const failed = expect(answer).rejects.toMatchObject({ code: 'git_failed' });
    await untilThere(3);
    jest.advanceTimersByTime(60_000);
    await failed;
    await untilThere(0);
  });

  it('is ended when nobody waits for it any more', async () => {
    const leaving = new AbortController();
    const answer = git.run('list', folder, ['log'], { signal: leaving.signal });
    const failed = expect(answer).rejects.toThrow('left');
    await untilThere(3);
    leaving.abort(new Error('left'));
    await failed;
    await untilThere(0);
  });

  it('keeps no place that others wait for', async () => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const all = Promise.allSettled(
      Array.from({ length: 5 }, () => git.run('list', folder, ['log'], { signal })),
    );
    // Two at a time.
    await untilThere(6);
    leaving.abort(new Error('left'));
    expect((await all).map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    await untilThere(0);
  });
});

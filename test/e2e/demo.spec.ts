import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, processesWith } from '../support/processes.js';
import { PROJECT } from '../support/runner.js';

const DEMO = join(PROJECT, 'dist', 'demo.js');

describe('the demo', () => {
  let temporary: string;
  let demo: ChildProcess;
  let said: string;

  beforeEach(() => (temporary = mkdtempSync(join(tmpdir(), 'fermilink-demo-test-'))));
  afterEach(() => {
    // Nothing but what a test that failed has left.
    for (const pid of processesWith(temporary)) process.kill(pid, 'SIGKILL');
    rmSync(temporary, { recursive: true });
  });

  function start(command: string, ...args: string[]): void {
    said = '';
    demo = spawn(command, args, { env: { ...process.env, TMPDIR: temporary } });
    for (const stream of [demo.stdout, demo.stderr]) {
      stream!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    }
  }
  const hears = (text: string) =>
    eventually(
      () => said,
      (all) => all.includes(text),
      30,
    );
  const serverStarts = () =>
    eventually(
      () => processesWith(join(temporary, 'fermilink-demo-')),
      (pids) => pids.length > 0,
    );

  async function endsWith(code: number): Promise<void> {
    if (demo.exitCode === null) await once(demo, 'close');
    expect({ code: demo.exitCode, said }).toEqual({ code, said });
    expect(readdirSync(temporary)).toEqual([]);
    expect(processesWith(temporary)).toEqual([]);
  }

  it('shows a run and its files, says that they go again, and ends with --once', async () => {
    start(process.execPath, DEMO, '--once');
    await endsWith(0);
    for (const text of ['event: meta', '"reason":"completed"', 'projects/memory.md', '(linked)']) {
      expect(said).toContain(text);
    }
    expect(said).toContain('the files above are removed again');
    expect(said).not.toContain('Try next');
  }, 60_000);

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'serves until %s',
    async (signal) => {
      start(process.execPath, DEMO);
      await hears('Serving until Ctrl-C');
      const url = /http:\/\/[\d.]+:\d+/.exec(said)![0];
      expect((await fetch(`${url}/health/ready`)).status).toBe(200);
      demo.kill(signal);
      await endsWith(0);
    },
    60_000,
  );

  it.each(['SIGINT', 'SIGHUP'] as const)(
    'ends in the middle of its run on %s',
    async (signal) => {
      start(process.execPath, DEMO);
      await hears('event: agent');
      demo.kill(signal);
      await endsWith(0);
      expect(said).not.toContain('The run did not end');
    },
    60_000,
  );

  it.each(['SIGINT', 'SIGHUP'] as const)(
    'ends on %s before its server listens',
    async (signal) => {
      start(process.execPath, DEMO);
      await serverStarts();
      demo.kill(signal);
      await endsWith(0);
      expect(said).toBe('');
    },
    60_000,
  );

  it('ends when nobody reads any more', async () => {
    start('/bin/sh', '-c', `'${process.execPath}' '${DEMO}' | head -3`);
    await endsWith(0);
    expect(said.trim().split('\n')).toHaveLength(3);
  }, 60_000);

  it('refuses an option that it does not know', async () => {
    start(process.execPath, DEMO, '--onec');
    await endsWith(1);
    expect(said).toBe('There is no option "--onec"; the demo knows --once and nothing else.\n');
  });
});

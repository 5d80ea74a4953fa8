import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, processesWith } from '../support/processes.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { startRun, untilIdle, untilState } from '../support/runs.js';
import { StreamClient } from '../support/stream-client.js';

/** A word that only the processes of one test have in their command line. */
let counter = 0;
const uniqueMark = () => `86400.${process.pid}${(counter += 1)}`;

describe('the life of a run', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start();
  });
  afterAll(() => runner.stop());

  const run = (script: string, more: object = {}) =>
    StreamClient.open(runner, { user_prompt: script, ...more });

  it.each([
    ['a child', (mark: string) => `sleep ${mark} & echo started; wait`],
    ['a child in its own session', (mark: string) => `setsid sleep ${mark} & echo started; wait`],
    [
      'a daemon',
      (mark: string) =>
        `(setsid setsid sleep ${mark} >/dev/null 2>&1 &); echo started; sleep ${mark}`,
    ],
    [
      'a child without the cookie',
      (mark: string) => `env -i /bin/sleep ${mark} & echo started; wait`,
    ],
    [
      'a child that ignores TERM',
      (mark: string) =>
        `sh -c "trap '' TERM; while :; do sleep ${mark}; done" & echo started; wait`,
    ],
  ])('ends the whole tree when the client leaves: %s', async (_name, script) => {
    const mark = uniqueMark();
    const client = await run(script(mark));
    await client.waitFor(({ data }) => data === 'started');
    await eventually(
      () => processesWith(mark),
      (pids) => pids.length > 0,
    );
    client.abort();
    await eventually(
      () => processesWith(mark),
      (pids) => pids.length === 0,
    );
    await untilIdle(runner);
  });

  it('ends what an agent that ended by itself has left behind', async () => {
    const mark = uniqueMark();
    const client = await run(`setsid sleep ${mark} >/dev/null 2>&1 & echo bye`);
    expect(await client.exit()).toMatchObject({ reason: 'completed', return_code: 0 });
    expect(processesWith(mark)).toEqual([]);
  });

  it('lets what an agent has left behind go on where the administrator says so', async () => {
    const keeping = await Runner.start({ FERMILINK_RUNNER_BACKGROUND: 'keep' });
    try {
      const mark = uniqueMark();
      const client = await StreamClient.open(keeping, {
        user_prompt: `setsid sleep ${mark} >/dev/null 2>&1 & echo bye`,
      });
      expect(await client.exit()).toMatchObject({ reason: 'completed', survivors: 0 });
      const left = processesWith(mark);
      expect(left).toHaveLength(1);
      process.kill(left[0]!);
    } finally {
      await keeping.stop();
    }
  });

  it('does not wait for something else that holds the pipes', async () => {
    const mark = uniqueMark();
    const client = await run(`setsid sleep ${mark} & echo bye`);
    // What holds them would do so for a day.
    expect(await client.exit()).toMatchObject({ reason: 'completed', return_code: 0 });
    expect(processesWith(mark)).toEqual([]);
  });

  it('removes the folder for temporary files, which no other run shares', async () => {
    const client = await run('mkdir -p $TMPDIR/a/b; ln -s / $TMPDIR/a/link; echo $TMPDIR');
    await client.exit();
    const tmpdir = client.events.find(({ event }) => event === 'agent')!.data;
    expect(tmpdir.startsWith(join(runner.home, 'fermilink', 'runtime'))).toBe(true);
    expect(existsSync(tmpdir)).toBe(false);
  });

  it('has let go of slot and session when the client sees the end', async () => {
    for (let i = 0; i < 5; i += 1) {
      const client = await run('true', { session_id: 'again' });
      await client.exit();
      expect(client.events.filter(({ event }) => event === 'queued')).toEqual([]);
      expect(await runner.getJson('/ops/concurrency')).toMatchObject({ active_total: 0 });
    }
  });

  it('reports a failed start by its status, and leaves nothing behind', async () => {
    const home = temporaryFolder();
    const agent = join(home, 'agent');
    writeFileSync(agent, '#!/nonexistent/interpreter\n', { mode: 0o755 });
    const broken = await Runner.start({ FERMILINK_CODEX_BIN: agent }, home);
    try {
      const unstartable = await StreamClient.open(broken, { user_prompt: 'x', session_id: 's' });
      expect(unstartable.status).toBe(500);
      expect(await unstartable.json()).toMatchObject({ code: 'spawn_failed' });
      rmSync(agent);
      const missing = await StreamClient.open(broken, { user_prompt: 'x', session_id: 's' });
      expect(await missing.json()).toMatchObject({ code: 'spawn_failed' });
      // Nobody hears of it by a status here: the log and the metrics have to tell.
      const unseen = await startRun(broken, { user_prompt: 'x', session_id: 's' });
      await untilState(broken, unseen, 'failed');
      await broken.logged(
        ({ run, msg, level }) => run === unseen && msg === 'run ended' && level === 'error',
      );
      expect(await (await fetch(`${broken.url}/metrics`)).text()).toContain(
        'runner_runs_total{provider="codex",reason="failed",code="spawn_failed"} 3',
      );
      expect(await broken.getJson('/ops/concurrency')).toMatchObject({ active_total: 0 });
      const state = readdirSync(join(broken.home, 'fermilink', 'runtime'));
      expect(state.filter((it) => it.startsWith('run-'))).toEqual([]);
      const ready = await fetch(`${broken.url}/health/ready`);
      expect(ready.status).toBe(503);
      expect(JSON.stringify(await ready.json())).toContain('FERMILINK_CODEX_BIN');
    } finally {
      await broken.stop();
    }
  });

  it('gives up a preparation that takes too long, with its own code', async () => {
    const home = temporaryFolder();
    const maxwellLink = join(home, 'maxwelllink');
    const root = join(home, 'fermilink', 'scientific_packages');
    mkdirSync(maxwellLink);
    mkdirSync(root, { recursive: true });
    const holder = spawn('flock', [join(root, '.registry.lock'), 'sh', '-c', 'echo held; cat']);
    await once(holder.stdout, 'data');
    const slow = await Runner.start(
      {
        FERMILINK_MAXWELLLINK_ROOT: maxwellLink,
        FERMILINK_RUNNER_PREPARE_TIMEOUT_SECONDS: '1',
      },
      home,
    );
    try {
      // Another program holds the registry, in which the run has to register a package, and goes on
      // doing so: the limit alone ends the wait.
      const client = await StreamClient.open(slow, { user_prompt: 'echo never', session_id: 's' });
      expect(client.status).toBe(500);
      expect(await client.json()).toMatchObject({ code: 'prepare_timeout' });
      expect(await slow.getJson('/ops/concurrency')).toMatchObject({ active_total: 0 });
      holder.stdin.end();
      const next = await StreamClient.open(slow, { user_prompt: 'echo now', session_id: 's' });
      expect(await next.exit()).toMatchObject({ reason: 'completed', return_code: 0 });
    } finally {
      holder.kill();
      await slow.stop();
    }
  });

  it('reports what it finds in the place of a folder, and goes on when it is gone', async () => {
    await (await run('rmdir outputs; echo x > outputs', { session_id: 'spoilt' })).exit();
    const refused = await run('true', { session_id: 'spoilt' });
    expect(refused.status).toBe(500);
    expect(await refused.json()).toMatchObject({
      code: 'workspace_failed',
      detail: 'outputs is a regular file, but it must be a folder; remove it and run again.',
    });
    expect(readFileSync(join(runner.repo('spoilt'), 'outputs'), 'utf8')).toBe('x\n');
  });
});

describe('a run whose time is up', () => {
  let runner: Runner;
  beforeAll(
    async () => (runner = await Runner.start({ FERMILINK_RUNNER_MAX_RUNTIME_SECONDS: '3' })),
  );
  afterAll(() => runner.stop());

  it('is ended, with all that it printed before', async () => {
    const mark = uniqueMark();
    const client = await StreamClient.open(runner, { user_prompt: `echo before; sleep ${mark}` });
    expect(await client.exit()).toMatchObject({
      reason: 'timeout',
      return_code: -2,
      killed: false,
    });
    expect(client.events.map(({ data }) => data)).toContain('before');
    expect(processesWith(mark)).toEqual([]);
    expect(await runner.getJson('/ops/concurrency')).toMatchObject({ active_total: 0 });
  });

  it('is killed where it ignores TERM, and still says how it ended', async () => {
    const mark = uniqueMark();
    const client = await StreamClient.open(runner, {
      user_prompt: `trap '' TERM INT; echo armed; sleep ${mark}; sleep ${mark}; sleep ${mark}`,
    });
    expect(await client.exit()).toMatchObject({ reason: 'timeout', return_code: -9, killed: true });
    expect(client.events.map(({ data }) => data)).toContain('armed');
    expect(processesWith(mark)).toEqual([]);
  });
});

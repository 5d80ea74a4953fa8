import { chmodSync, chownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { FAULTY } from '../support/faulty.js';
import { AS_NOBODY, NOBODY } from '../support/nobody.js';
import { eventually } from '../support/processes.js';
import { readRun, RunFollower } from '../support/run-follower.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import {
  ask,
  Gate,
  getRun,
  postRun,
  startRun,
  untilEnded,
  untilIdle,
  untilState,
} from '../support/runs.js';

describe('a folder that may not be written any more', () => {
  let home: string;
  let runner: Runner;
  beforeEach(async () => {
    home = temporaryFolder();
    chownSync(home, NOBODY, NOBODY);
    runner = await Runner.start(FAULTY, home, AS_NOBODY);
  });
  afterEach(() => runner.stop());

  const lock = (folder: string) => chmodSync(join(runner.runtime, folder), 0o500);
  const unlock = (folder: string) => chmodSync(join(runner.runtime, folder), 0o700);
  const statusOf = async (path: string) => (await fetch(runner.url + path)).status;

  /** A run that is at work before the folder is locked, and somebody who follows it. */
  const begin = async (session_id: string) => {
    const gate = new Gate(runner, session_id);
    const user_prompt = `echo before; ${gate.wait}; echo behind`;
    const id = await startRun(runner, { user_prompt, session_id });
    const follower = new RunFollower(id);
    const following = follower.follow(runner);
    await eventually(
      () => follower.data,
      (it) => it.includes('before'),
    );
    return { id, gate, follower, following };
  };

  /** It lives, and whoever only reads finds what there is. */
  const serves = async (id: string) => {
    for (const path of ['/health/live', '/runs', `/runs/${id}`, '/ops/concurrency', '/metrics']) {
      expect([path, await statusOf(path)]).toEqual([path, 200]);
    }
    // The server itself has met the fault.
    await runner.logged((line) => JSON.stringify(line).includes('EACCES'));
  };

  /** A problem that says what is wrong, and not where. */
  const expectProblem = ({ status, body }: Awaited<ReturnType<typeof ask>>) => {
    expect([status, body.code]).toEqual([500, 'internal_error']);
    expect(body.detail).not.toContain(home);
  };

  it('and holds the events fails the runs that come; others go on, and ends are written later', async () => {
    const { id: quiet, gate, follower, following } = await begin('quiet');
    lock('events');
    const body = { user_prompt: 'echo never' };
    const refused = await ask(runner, 'POST', '/run', { body });
    expectProblem(refused);
    const failed = [String(refused.body.run_id), await startRun(runner, body)];
    for (const id of failed) {
      expect(await untilEnded(runner, id)).toMatchObject({
        state: 'failed',
        code: 'internal_error',
        // No agent was started for nothing.
        started_at: null,
        return_code: null,
      });
    }
    await serves(failed[1]!);
    expect(await statusOf('/health/ready')).toBe(503);
    expect(await runner.getJson('/ops/concurrency')).toMatchObject({ active_total: 1 });
    // What is open stays open.
    expect(await getRun(runner, quiet)).toMatchObject({ state: 'running' });
    gate.open();
    await following;
    expect(follower.exit).toMatchObject({ reason: 'completed' });
    expect(follower.violations).toEqual([]);
    expect(follower.data.slice(1, -1)).toEqual(['before', 'behind']);
    await untilIdle(runner);

    unlock('events');
    expect(await statusOf('/health/ready')).toBe(200);
    const next = await startRun(runner, { user_prompt: 'echo again' });
    expect(await untilEnded(runner, next)).toMatchObject({ state: 'completed' });
    for (const id of failed) {
      await eventually(
        () => getRun(runner, id),
        (run) => run.last_event_id === 1,
      );
      const { exit, violations } = await readRun(runner, id);
      expect([exit?.reason, exit?.code, violations]).toEqual(['failed', 'internal_error', []]);
    }
    expect(runner.stderr).toBe('');
  }, 60_000);

  it('and holds the records refuses runs before they exist, fails those whose record finds no room, and loses no end', async () => {
    const { id: quiet, gate, follower, following } = await begin('quiet');
    const waiting = await startRun(runner, { user_prompt: 'echo short', session_id: 'quiet' });
    // A record that is longer than a page cannot be written over.
    const long = await startRun(runner, {
      user_prompt: `echo never # ${'x'.repeat(5000)}`,
      session_id: 'quiet',
    });
    lock('live');
    const body = { user_prompt: 'echo never' };
    const key = { 'idempotency-key': 'k' };
    for (const path of ['/run', '/runs']) {
      const refused = await ask(runner, 'POST', path, { body, headers: key });
      expectProblem(refused);
      expect(refused.body).not.toHaveProperty('run_id');
    }
    const { runs } = (await ask(runner, 'GET', '/runs')).body;
    expect(runs.map(({ run_id: id }: { run_id: string }) => id)).toEqual([long, waiting, quiet]);
    await serves(quiet);
    expect(await statusOf('/health/ready')).toBe(503);
    gate.open();
    await following;
    expect(follower.exit).toMatchObject({ reason: 'completed' });
    expect(await untilEnded(runner, waiting)).toMatchObject({ state: 'completed' });
    // Its turn has come, but that it runs could not be told to a server after this one.
    expect(await untilEnded(runner, long)).toMatchObject({
      state: 'failed',
      code: 'internal_error',
      started_at: null,
    });
    await untilIdle(runner);

    unlock('live');
    // The key belongs to nobody.
    const { status, body: run } = await postRun(runner, { user_prompt: 'echo again' }, key);
    expect(status).toBe(202);
    await untilState(runner, run.run_id, 'completed');
    await eventually(
      () => readdirSync(join(runner.runtime, 'live')),
      (names) => names.length === 0,
    );
    expect(runner.stderr).toBe('');
    await runner.kill();
    runner = await Runner.start(FAULTY, home, AS_NOBODY);
    for (const [id, state] of [
      [quiet, 'completed'],
      [waiting, 'completed'],
      [long, 'failed'],
      [String(run.run_id), 'completed'],
    ] as const) {
      expect(await getRun(runner, id)).toMatchObject({ state });
      expect((await readRun(runner, id)).violations).toEqual([]);
    }
  }, 60_000);
});

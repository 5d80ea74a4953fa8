import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, processesWith } from '../support/processes.js';
import { cancelRun, Gate, getRun, startRun, untilIdle, untilState } from '../support/runs.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

let counter = 0;
/** A number of seconds that only the processes of one test have in their command line. */
const uniqueMark = () => `86400.${process.pid}33${(counter += 1)}`;

const CANCELLED = { state: 'cancelled', reason: 'cancelled', code: 'cancel_requested' };

describe('POST /runs/{id}/cancel', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_DRAIN_SECONDS: '0' });
  });
  afterAll(() => runner.stop());

  it('ends a running run with its whole tree before it answers', async () => {
    const mark = uniqueMark();
    const stream = await StreamClient.open(runner, {
      user_prompt: `setsid sleep ${mark} & env -i /bin/sleep ${mark} & (setsid setsid sleep ${mark} &); echo up; wait`,
      session_id: 'running',
    });
    const { data } = await stream.waitFor(({ event }) => event === 'meta');
    await stream.waitFor(({ data: line }) => line === 'up');
    await eventually(
      () => processesWith(mark),
      (pids) => pids.length === 3,
    );
    const { run_id: id } = JSON.parse(data);
    const answer = await cancelRun(runner, id);
    expect(processesWith(mark)).toEqual([]);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(await getRun(runner, id));
    expect(answer.body).toMatchObject({
      ...CANCELLED,
      run_id: id,
      return_code: -2,
      last_event_id: 3,
    });
    expect(await stream.exit()).toMatchObject({ code: 'cancel_requested', survivors: 0 });
    expect(await runner.getJson('/ops/concurrency')).toMatchObject({ active_total: 0 });
  });

  it('takes a queued run out of the queue', async () => {
    const gate = new Gate(runner, 'queued');
    const session_id = 'queued';
    const holder = await startRun(runner, { user_prompt: gate.wait, session_id });
    const id = await startRun(runner, { user_prompt: 'echo ran >> outputs/ran', session_id });
    const behind = await StreamClient.open(runner, {
      user_prompt: 'cat outputs/ran',
      session_id,
    });
    await behind.waitFor(
      ({ event, data }) => event === 'queued' && JSON.parse(data).position === 2,
    );
    const stream = await StreamClient.follow(runner, id);
    await stream.waitFor(({ event }) => event === 'queued');
    const answer = await cancelRun(runner, id);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      ...CANCELLED,
      started_at: null,
      agent: null,
      return_code: null,
      last_event_id: 1,
    });
    expect(answer.body).not.toHaveProperty('position');
    expect(await stream.exit()).toMatchObject({ reason: 'cancelled', return_code: null });
    await behind.waitFor(
      ({ event, data }) => event === 'queued' && JSON.parse(data).position === 1,
    );
    expect(await getRun(runner, holder)).toMatchObject({ state: 'running' });
    gate.open();
    expect(await behind.exit()).toMatchObject({ return_code: 1 });
    expect(behind.dataOf('agent')).toEqual([]);
  });

  it('changes nothing of a run that has ended, however often', async () => {
    const done = await startRun(runner, { user_prompt: 'exit 5' });
    const completed = await untilState(runner, done, 'completed');
    const stopped = await startRun(runner, { user_prompt: 'sleep 3600' });
    await untilState(runner, stopped, 'running');
    const { body: cancelled } = await cancelRun(runner, stopped);
    for (let i = 0; i < 3; i += 1) {
      expect(await cancelRun(runner, done)).toMatchObject({ status: 200, body: completed });
      expect(await cancelRun(runner, stopped)).toMatchObject({ status: 200, body: cancelled });
    }
    expect(completed).toMatchObject({ reason: 'completed', code: null, return_code: 5 });
  });

  it('ends a run once, however many ask for it at once', async () => {
    const id = await startRun(runner, { user_prompt: 'echo up; sleep 3600' });
    await untilState(runner, id, 'running');
    const answers = await Promise.all(Array.from({ length: 10 }, () => cancelRun(runner, id)));
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body).toEqual(answers[0]!.body);
    }
    const stream = await StreamClient.follow(runner, id);
    await stream.exit();
    expect(stream.dataOf('runner.exit')).toHaveLength(1);
  });

  it('ends at once a run that has just been made, wherever it is', async () => {
    for (let i = 0; i < 15; i += 1) {
      const id = await startRun(runner, { user_prompt: 'sleep 3600', session_id: `new-${i % 3}` });
      const { status, body } = await cancelRun(runner, id);
      expect(status).toBe(200);
      expect(body).toMatchObject(CANCELLED);
      // It began when its agent did: without one it never began.
      expect(body.started_at === null).toBe(body.return_code === null);
    }
    await untilIdle(runner);
  });
});

describe('the first cause of an end', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_DRAIN_SECONDS: '0' });
  });
  afterAll(() => runner.stop());

  /** An agent that says when it was asked to end, and ends well when the test lets it. */
  const reluctant = (gate: Gate) => `trap 'echo asked' INT; echo up; ${gate.wait}; exit 0`;

  it('is the time that was up before somebody cancelled', async () => {
    const gate = new Gate(runner, 'timeout');
    const stream = await StreamClient.open(runner, {
      user_prompt: reluctant(gate),
      max_runtime_seconds: 1,
    });
    await stream.waitFor(({ data }) => data === 'asked');
    const { run_id: id } = JSON.parse(stream.dataOf('meta')[0]!);
    const answer = cancelRun(runner, id);
    gate.open();
    expect((await answer).body).toMatchObject({ reason: 'timeout', code: null, return_code: 0 });
    expect(await stream.exit()).toMatchObject({ reason: 'timeout', code: null });
  });

  it('is the cancel that came before the client left and the time was up', async () => {
    const gate = new Gate(runner, 'cancelled');
    const stream = await StreamClient.open(runner, {
      user_prompt: reluctant(gate),
      max_runtime_seconds: 1,
    });
    await stream.waitFor(({ data }) => data === 'up');
    const { run_id: id } = JSON.parse(stream.dataOf('meta')[0]!);
    const answer = cancelRun(runner, id);
    await stream.waitFor(({ data }) => data === 'asked');
    stream.abort();
    const startedAt = Date.parse((await getRun(runner, id)).started_at!);
    await eventually(
      () => Date.now() - startedAt,
      (age) => age > 1100,
    );
    expect((await getRun(runner, id)).state).toBe('running');
    gate.open();
    expect((await answer).body).toMatchObject(CANCELLED);
  });

  it('is the exit of the agent, although something still holds its pipes', async () => {
    const mark = uniqueMark();
    const stream = await StreamClient.open(runner, {
      user_prompt: `setsid sleep ${mark} & echo $$`,
    });
    const { data: pid } = await stream.waitFor(({ event }) => event === 'agent');
    await eventually(
      () => existsSync(`/proc/${pid}`),
      (isThere) => !isThere,
    );
    const { run_id: id } = JSON.parse(stream.dataOf('meta')[0]!);
    expect((await getRun(runner, id)).state).toBe('running');
    const { status, body } = await cancelRun(runner, id);
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'completed', code: null, return_code: 0 });
    expect(processesWith(mark)).toEqual([]);
  });
});

describe('cancelling a run that is being prepared', () => {
  it('starts no agent and leaves a workspace for the next run', async () => {
    const home = temporaryFolder();
    const maxwellLink = join(home, 'maxwelllink');
    const root = join(home, 'fermilink', 'scientific_packages');
    mkdirSync(maxwellLink);
    mkdirSync(root, { recursive: true });
    const runner = await Runner.start({ FERMILINK_MAXWELLLINK_ROOT: maxwellLink }, home);
    // Another program holds the registry, in which every run has to register a package.
    const holder: ChildProcess = spawn(
      'flock',
      [join(root, '.registry.lock'), 'sh', '-c', 'echo held; cat'],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    await once(holder.stdout!, 'data');
    const session_id = 'prepared';
    const id = await startRun(runner, { user_prompt: 'echo ran > outputs/ran', session_id });
    const preparing = await untilState(runner, id, 'preparing');
    expect(preparing).toMatchObject({ started_at: null, agent: null, last_event_id: 0 });
    expect(preparing).not.toHaveProperty('position');
    const stream = await StreamClient.follow(runner, id);
    const answer = cancelRun(runner, id);
    holder.stdin!.end();
    expect(await answer).toMatchObject({
      status: 200,
      body: { ...CANCELLED, started_at: null, agent: null, last_event_id: 1 },
    });
    await stream.exit();
    expect(stream.ids).toEqual([1]);
    const next = await StreamClient.open(runner, { user_prompt: 'ls outputs', session_id });
    expect(await next.exit()).toMatchObject({ reason: 'completed', return_code: 0 });
    expect(next.dataOf('agent')).toEqual([]);
    await runner.stop();
  });
});

import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { processesWith } from '../support/processes.js';
import { ask, cancelRun, Gate, getRun, postRun, startRun, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

const key = { 'idempotency-key': 'k' };
const DRAINING = { reason: 'cancelled', code: 'draining' };

/** Asks a server to stop, and waits until it has heard. */
async function drain(runner: Runner): Promise<{ exited: Promise<unknown[]> }> {
  const exited = once(runner.process, 'exit');
  runner.process.kill('SIGTERM');
  await runner.logged(({ msg }) => msg === 'stopping');
  return { exited };
}

describe('a server that is asked to stop', () => {
  it('lets runs end, serves those who know them, and takes no new ones', async () => {
    const runner = await Runner.start({ FERMILINK_RUNNER_DRAIN_SECONDS: '30' });
    const [gate, other] = [new Gate(runner, 'gate'), new Gate(runner, 'other')];
    const body = { user_prompt: `echo up; ${gate.wait}; exit 3`, session_id: 'known' };
    const stream = await StreamClient.open(runner, body, { headers: key });
    await stream.waitFor(({ data }) => data === 'up');
    const id = String(stream.response.headers.location).slice(6);
    const toCancel = await startRun(runner, { user_prompt: `echo up; ${other.wait}` });
    await untilState(runner, toCancel, 'running');
    const { exited } = await drain(runner);

    const ready = await ask(runner, 'GET', '/health/ready');
    expect(ready.status).toBe(503);
    expect((await ask(runner, 'GET', '/health/live')).status).toBe(200);
    await stream.waitFor(({ event }) => event === 'shutdown');
    for (const path of ['/run', '/runs']) {
      const refused = await ask(runner, 'POST', path, { body: { user_prompt: 'true' } });
      expect([refused.status, refused.body.code]).toEqual([503, 'draining']);
      const seconds = Number(refused.headers.get('retry-after'));
      expect(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60).toBe(true);
    }
    // What is known is served: reads, follows, retries and cancels.
    expect(await getRun(runner, id)).toMatchObject({ state: 'running' });
    expect((await ask(runner, 'GET', '/runs')).body.runs).toHaveLength(2);
    const follower = await StreamClient.follow(runner, id, { after: 1 });
    await follower.waitFor(({ data }) => data === 'up');
    const retried = await StreamClient.open(runner, body, { headers: key });
    expect(retried.response.headers.location).toBe(`/runs/${id}`);
    await retried.waitFor(({ data }) => data === 'up');
    expect((await postRun(runner, body, key)).body).toMatchObject({ run_id: id, state: 'running' });
    const cancelled = await cancelRun(runner, toCancel);
    expect(cancelled).toMatchObject({ status: 200, body: { code: 'cancel_requested' } });

    gate.open();
    for (const client of [stream, follower, retried]) {
      expect(await client.exit()).toMatchObject({ reason: 'completed', return_code: 3 });
    }
    expect(await exited).toEqual([0, null]);
    expect(runner.stderr).toBe('');
    await runner.stop();
  });

  it('ends runs that do not end in time, and starts none of those that wait', async () => {
    const runner = await Runner.start({
      FERMILINK_RUNNER_DRAIN_SECONDS: '1',
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1',
    });
    const mark = `86400.${process.pid}61`;
    const stream = await StreamClient.open(runner, {
      user_prompt: `setsid sleep ${mark} & echo up; sleep ${mark}`,
    });
    await stream.waitFor(({ data }) => data === 'up');
    const waiting = await StreamClient.open(runner, { user_prompt: 'echo ran' });
    const notDetached = await startRun(runner, {
      user_prompt: 'echo ran',
      on_disconnect: 'cancel',
    });
    await waiting.waitFor(({ event }) => event === 'queued');
    const { exited } = await drain(runner);
    expect(await waiting.exit()).toMatchObject({ ...DRAINING, return_code: null });
    expect(await stream.exit()).toMatchObject({ ...DRAINING, return_code: -2, survivors: 0 });
    expect(await exited).toEqual([0, null]);
    expect(processesWith(mark)).toEqual([]);

    const next = await runner.startNext();
    const { runs } = (await ask(next, 'GET', '/runs')).body;
    expect(runs).toHaveLength(3);
    for (const run of runs) expect(run).toMatchObject({ state: 'cancelled', ...DRAINING });
    expect(await getRun(next, notDetached)).toMatchObject({ started_at: null, last_event_id: 1 });
    const followed = await StreamClient.follow(
      next,
      String(stream.response.headers.location).slice(6),
    );
    await followed.all();
    expect(followed.events).toEqual(stream.events.filter(({ event }) => event !== 'shutdown'));
    await next.stop();
  });

  it('leaves what waits and needs no client to the next one, which starts it in the old order', async () => {
    const runner = await Runner.start({
      FERMILINK_RUNNER_DRAIN_SECONDS: '0',
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1',
      FERMILINK_RUNNER_MAX_PENDING_PER_USER: '4',
    });
    await startRun(runner, { user_prompt: 'sleep 3600', session_id: 'first' });
    const ids: string[] = [];
    const session_id = 'order';
    const metadata = { kept: true };
    for (const [index, user] of ['ada', 'bob', 'ada', 'cyd', 'ada', 'ada'].entries()) {
      const id = await startRun(runner, {
        user_prompt: `echo ${index} >> outputs/order; cat outputs/order`,
        session_id,
        user_id: user,
        metadata,
      });
      ids.push(id);
    }
    const stream = await StreamClient.follow(runner, ids[0]!);
    await stream.waitFor(({ event }) => event === 'queued');
    const { exited } = await drain(runner);
    // Its stream ends without an end of the run: it has none.
    await stream.all();
    expect(stream.events.some(({ event }) => event === 'runner.exit')).toBe(false);
    expect(stream.events.at(-1)).toMatchObject({ event: 'shutdown', id: '0' });
    expect(await exited).toEqual([0, null]);
    expect(existsSync(runner.repo(session_id))).toBe(false);

    // Of the caps none refuses what was taken already.
    const next = await runner.startNext({
      FERMILINK_RUNNER_MAX_QUEUE_SIZE: '1',
      FERMILINK_RUNNER_MAX_PENDING_PER_USER: '1',
    });
    const later = await postRun(next, { user_prompt: 'true', session_id });
    expect([429, 202]).toContain(later.status);
    for (const id of ids) {
      const run = await untilState(next, id, 'completed');
      expect(run).toMatchObject({ metadata, last_event_id: expect.any(Number) });
    }
    expect(readFileSync(join(next.repo(session_id), 'outputs', 'order'), 'utf8')).toBe(
      '0\n1\n2\n3\n4\n5\n',
    );
    const again = await StreamClient.follow(next, ids[0]!, { lastEventId: 0 });
    await again.exit();
    expect(again.ids).toEqual([1, 2, 3]);
    await next.stop();
  });

  it('serves those who know a run that is left to the next one', async () => {
    const runner = await Runner.start({
      FERMILINK_RUNNER_DRAIN_SECONDS: '30',
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1',
    });
    const gate = new Gate(runner, 'gate');
    const holder = await startRun(runner, { user_prompt: gate.wait });
    await untilState(runner, holder, 'running');
    const body = { user_prompt: 'echo ran', session_id: 'left' };
    const left = await startRun(runner, body, key);
    const unwanted = await startRun(runner, { user_prompt: 'echo ran' });
    const early = await StreamClient.follow(runner, unwanted);
    await early.waitFor(({ event }) => event === 'queued');
    const { exited } = await drain(runner);
    await early.waitFor(({ event }) => event === 'shutdown');

    expect(await getRun(runner, left)).toMatchObject({ state: 'queued' });
    expect((await postRun(runner, body, key)).body).toMatchObject({
      run_id: left,
      state: 'queued',
    });
    const late = await StreamClient.follow(runner, left);
    expect(late.status).toBe(200);
    await late.waitFor(({ event }) => event === 'shutdown');
    const retried = await StreamClient.open(runner, body, { headers: key });
    expect(retried.status).toBe(200);
    await retried.waitFor(({ event }) => event === 'shutdown');
    expect(await cancelRun(runner, unwanted)).toMatchObject({
      status: 200,
      body: { state: 'cancelled', code: 'cancel_requested' },
    });
    expect(await early.exit()).toMatchObject({ code: 'cancel_requested' });
    gate.open();
    expect(await exited).toEqual([0, null]);
    for (const client of [late, retried]) {
      await client.all();
      expect(client.dataOf('runner.exit')).toEqual([]);
    }

    const next = await runner.startNext();
    await untilState(next, left, 'completed');
    expect(await getRun(next, unwanted)).toMatchObject({ code: 'cancel_requested' });
    await next.stop();
  });

  it('takes runs from those who have not heard yet, for as long as it is told to', async () => {
    const runner = await Runner.start({
      FERMILINK_RUNNER_DRAIN_DELAY_SECONDS: '3',
      FERMILINK_RUNNER_DRAIN_SECONDS: '30',
    });
    const { exited } = await drain(runner);
    expect((await ask(runner, 'GET', '/health/ready')).status).toBe(503);
    const gate = new Gate(runner, 'late');
    const client = await StreamClient.open(runner, { user_prompt: `echo up; ${gate.wait}` });
    expect(client.status).toBe(200);
    await client.waitFor(({ data }) => data === 'up');
    expect(client.dataOf('shutdown')).toEqual([]);
    await client.waitFor(({ event }) => event === 'shutdown');
    const refused = await postRun(runner, { user_prompt: 'true' });
    expect([refused.status, refused.body.code]).toEqual([503, 'draining']);
    gate.open();
    expect(await client.exit()).toMatchObject({ reason: 'completed' });
    expect(await exited).toEqual([0, null]);
    await runner.stop();
  });
});

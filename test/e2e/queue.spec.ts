import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/processes.js';
import { Runner } from '../support/runner.js';
import { Gate, untilIdle } from '../support/runs.js';
import { StreamClient } from '../support/stream-client.js';

describe('runs that wait', () => {
  let runner: Runner;
  const gateOf = (session: string) => new Gate(runner, session);
  /** A run that says `up` and then waits for the gate of its session, unless it has another prompt. */
  const post = (session_id: string, user_id: string, prompt?: string, more: object = {}) => {
    const user_prompt = prompt ?? `echo up; ${gateOf(session_id).wait}`;
    return StreamClient.open(runner, { session_id, user_id, user_prompt, ...more });
  };
  const running = (client: StreamClient) => client.waitFor(({ data }) => data === 'up');
  const places = (client: StreamClient) =>
    client.events.filter(({ event }) => event === 'queued').map(({ data }) => JSON.parse(data));

  beforeEach(async () => {
    runner = await Runner.start({
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '2',
      FERMILINK_RUNNER_PER_USER_CONCURRENT_RUNS: '1',
      FERMILINK_RUNNER_MAX_QUEUE_SIZE: '3',
      FERMILINK_RUNNER_MAX_PENDING_PER_USER: '2',
    });
  });
  afterEach(() => runner.stop());

  it('hear their place at once and whenever it changes, and start in their turn', async () => {
    const [a, b] = [await post('a', 'ada'), await post('b', 'bob')];
    await Promise.all([running(a), running(b)]);
    const c = await post('c', 'cyd');
    await c.waitFor(({ event }) => event === 'queued');
    const d = await post('d', 'dan');
    await d.waitFor(({ event }) => event === 'queued');
    expect(places(c)[0]).toMatchObject({ position: 1, pending_total: 1 });
    expect(places(d)[0]).toMatchObject({ position: 2, pending_total: 2 });
    expect(d.events[0]?.id).toBe('0');
    gateOf('a').open();
    await running(c);
    await d.waitFor(({ event, data }) => event === 'queued' && JSON.parse(data).position === 1);
    expect(d.events.some(({ event }) => event === 'meta')).toBe(false);
    gateOf('b').open();
    await running(d);
    expect(d.events.find(({ event }) => event === 'meta')?.id).toBe('1');
    gateOf('c').open();
    gateOf('d').open();
    for (const client of [a, b, c, d])
      expect(await client.exit()).toMatchObject({ return_code: 0 });
  });

  it('do not hold up other users, nor a busy session', async () => {
    const first = await post('one', 'ada');
    await running(first);
    const sameSession = await post('one', 'bob');
    await sameSession.waitFor(({ event }) => event === 'queued');
    const sameUser = await post('two', 'ADA ');
    await sameUser.waitFor(({ event }) => event === 'queued');
    expect(await runner.getJson('/ops/admission?user_id=cyd')).toMatchObject({
      user_key: 'user:cyd',
      can_run_now: true,
    });
    expect(await runner.getJson('/ops/admission?user_id=Ada')).toMatchObject({
      user_key: 'user:ada',
      can_run_now: false,
      per_user_active: 1,
      per_user_pending: 1,
      active_total: 1,
      pending_total: 2,
      global_limit: 2,
      per_user_limit: 1,
      timestamp_utc: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
    expect(await runner.getJson('/ops/admission?session_id=one')).toMatchObject({
      user_key: 'session:one',
      can_run_now: false,
    });
    expect(await runner.getJson('/ops/admission')).toMatchObject({ user_key: 'session:anonymous' });
    const other = await post('three', 'cyd', 'echo through');
    expect(await other.exit()).toMatchObject({ return_code: 0 });
    gateOf('one').open();
    for (const client of [first, sameSession])
      expect(await client.exit()).toMatchObject({ return_code: 0 });
    await running(sameUser);
    gateOf('two').open();
    await sameUser.exit();
  });

  it('are refused when the queue is full, with a time to try again', async () => {
    const holders = [await post('a', 'ada'), await post('b', 'bob')];
    await Promise.all(holders.map(running));
    const waiting = [await post('a2', 'ada'), await post('a3', 'ada')];
    for (const client of waiting) await client.waitFor(({ event }) => event === 'queued');
    const mine = await post('a4', 'ada');
    expect(mine.status).toBe(429);
    expect(Number(mine.response.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(Number(mine.response.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect(await mine.json()).toMatchObject({
      code: 'user_queue_full',
      detail: 'Runner queue is full for this user (2 pending requests).',
    });
    const last = await post('c', 'cyd');
    await last.waitFor(({ event }) => event === 'queued');
    const full = await post('d', 'dan');
    expect(full.status).toBe(429);
    expect(await full.json()).toMatchObject({
      code: 'queue_full',
      detail: 'Runner queue is full (3 pending requests).',
    });
    const metrics = await (await fetch(`${runner.url}/metrics`)).text();
    expect(metrics).toContain('runner_refusals_total{code="queue_full"} 1');
    expect(metrics).toContain('runner_pending_runs 3');
    for (const client of [...waiting, last, ...holders]) client.abort();
    await untilIdle(runner);
  });

  it('are refused before they wait for what can be known before', async () => {
    const holders = [await post('a', 'ada'), await post('b', 'bob')];
    await Promise.all(holders.map(running));
    const refused = await post('c', 'cyd', 'true', { package_id: 'missing' });
    expect(refused.status).toBe(400);
    expect(await runner.getJson('/ops/concurrency')).toMatchObject({ pending_total: 0 });
    holders.forEach((client) => client.abort());
  });

  it('report in their stream what fails after they have waited', async () => {
    const holders = [await post('a', 'ada'), await post('b', 'bob')];
    await Promise.all(holders.map(running));
    const client = await post('c', 'cyd');
    await client.waitFor(({ event }) => event === 'queued');
    // The session's folder comes to be a file while the run waits.
    writeFileSync(join(runner.workspaces, 'c'), '');
    gateOf('a').open();
    const exit = await client.exit();
    expect(exit).toMatchObject({ reason: 'failed', code: 'workspace_failed', return_code: null });
    expect(exit.detail).toEqual(expect.stringContaining('must be a folder'));
    expect(client.events.some(({ event }) => event === 'meta')).toBe(false);
    gateOf('b').open();
  });

  it('leave the queue with their client, and never start', async () => {
    const holders = [await post('a', 'ada'), await post('b', 'bob')];
    await Promise.all(holders.map(running));
    const client = await post('c', 'cyd', 'echo started > outputs/started');
    await client.waitFor(({ event }) => event === 'queued');
    client.abort();
    await eventually(
      () => runner.getJson('/ops/concurrency'),
      (it) => it.pending_total === 0 && it.active_total === 2,
    );
    holders.forEach((holder) => holder.abort());
    await runner.logged((line) => line.session === 'c' && line.code === 'client_gone');
    await untilIdle(runner);
    // Nothing was made of it, although there is room now.
    const sessions = readdirSync(runner.workspaces).filter((name) => !name.startsWith('.'));
    expect(sessions.sort()).toEqual(['a', 'b']);
  });

  it('hear a heartbeat every 10 s, waiting or running', async () => {
    const holders = [await post('a', 'ada'), await post('b', 'bob')];
    await Promise.all(holders.map(running));
    const waiting = await post('c', 'cyd');
    await eventually(
      () => [holders[0]!.comments, waiting.comments],
      (counts) => counts.every((count) => count >= 1),
      14,
    );
    [...holders, waiting].forEach((client) => client.abort());
  });
});

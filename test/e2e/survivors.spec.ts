import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { eventually, processesWith } from '../support/processes.js';
import { cancelRun, getRun, startRun, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

/** Makes the server one of root that may signal nobody else's processes. */
const WITHOUT_KILL = ['setpriv', '--bounding-set=-kill', '--inh-caps=-kill'];
const AS_NOBODY = 'setpriv --reuid=65534 --regid=65534 --clear-groups';
const ENV = { FERMILINK_RUNNER_DRAIN_SECONDS: '0', FERMILINK_RUNNER_STALL_SECONDS: '15' };
const SURVIVED = { killed: true, survivors: 1, return_code: null };

describe('a run whose agent cannot be ended', () => {
  const session_id = 'haunted';
  const mark = `86400.${process.pid}44`;
  let runner: Runner;
  let stream: StreamClient;
  let id: string;
  let agent: number;
  beforeEach(async () => {
    runner = await Runner.start(ENV, undefined, WITHOUT_KILL);
    const user_prompt = `exec ${AS_NOBODY} sleep ${mark}`;
    stream = await StreamClient.open(runner, { user_prompt, session_id });
    id = stream.response.headers.location!.slice('/runs/'.length);
    [agent] = (await eventually(
      () => processesWith(`sleep\0${mark}`),
      (pids) => pids.length === 1,
    )) as [number];
  });
  afterEach(async () => {
    for (const pid of processesWith(`sleep\0${mark}`)) process.kill(pid, 'SIGKILL');
    await runner.stop();
  });

  it('answers a cancel with 202 after 10 s, and keeps its session busy until it is gone', async () => {
    const next = await startRun(runner, { user_prompt: 'echo next', session_id });
    const began = performance.now();
    const answer = await cancelRun(runner, id);
    expect(performance.now() - began).toBeGreaterThan(9900);
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ run_id: id, state: 'running', reason: null });

    expect(await stream.exit()).toMatchObject({
      reason: 'cancelled',
      code: 'cancel_requested',
      ...SURVIVED,
    });
    expect(await cancelRun(runner, id)).toMatchObject({
      status: 200,
      body: { state: 'cancelled' },
    });
    const { last_event_id: last } = await getRun(runner, id);
    // The slot is free; the session is not.
    expect(await runner.getJson('/ops/concurrency')).toMatchObject({
      active_total: 0,
      pending_total: 1,
    });
    const elsewhere = await startRun(runner, {
      // Until long after the silence of which the log would speak, had it no end.
      user_prompt: 'sleep 5',
      session_id: 'elsewhere',
    });
    await untilState(runner, elsewhere, 'completed');
    expect((await getRun(runner, next)).state).toBe('queued');
    // Nothing comes behind the end.
    const replay = await StreamClient.follow(runner, id);
    expect((await replay.all()).at(-1)).toMatchObject({ event: 'runner.exit', id: String(last) });

    process.kill(agent, 'SIGKILL');
    await untilState(runner, next, 'completed');
  });

  it('holds up a start, and who stops that start loses nothing of what waits', async () => {
    const other = { session_id: 'other' };
    const held = await startRun(runner, { user_prompt: 'sleep 3600', ...other });
    await untilState(runner, held, 'running');
    const waits = await startRun(runner, { user_prompt: 'echo x >> outputs/n', ...other });
    await runner.kill();
    const port = await freePort();
    const next = Runner.spawn(
      { ...ENV, FERMILINK_RUNNER_PORT: String(port) },
      runner.home,
      WITHOUT_KILL,
    );
    await eventually(
      () =>
        fetch(`http://127.0.0.1:${port}/health/live`).then(
          () => true,
          () => false,
        ),
      (isUp) => isUp,
    );
    // What it cannot kill it waits for, and has not said yet that it serves.
    expect(next.logLines).toEqual([]);
    const exited = once(next.process, 'exit');
    next.process.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    process.kill(agent, 'SIGKILL');
    runner = await Runner.start(ENV, runner.home);
    expect(await getRun(runner, held)).toMatchObject({ state: 'lost' });
    await untilState(runner, waits, 'completed');
    expect(readFileSync(join(runner.repo('other'), 'outputs', 'n'), 'utf8')).toBe('x\n');
  });

  it('keeps its session busy in the next server too, which ends it if it can', async () => {
    await runner.terminate();
    expect(processesWith(`sleep\0${mark}`)).toEqual([agent]);
    runner = await Runner.start(ENV, runner.home, WITHOUT_KILL);
    expect(await getRun(runner, id)).toMatchObject({ state: 'cancelled', code: 'draining' });
    const waits = await startRun(runner, { user_prompt: 'echo ran', session_id });
    expect((await getRun(runner, waits)).state).toBe('queued');
    await runner.kill();
    // This one may.
    runner = await Runner.start(ENV, runner.home);
    expect(processesWith(`sleep\0${mark}`)).toEqual([]);
    await untilState(runner, waits, 'completed');
    expect(await getRun(runner, id)).toMatchObject({ state: 'cancelled', code: 'draining' });
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

import {
  ask,
  cancelRun,
  Gate,
  getRun,
  postRun,
  startRun,
  untilIdle,
  untilState,
} from '../support/runs.js';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

const INTERRUPTED = { state: 'cancelled', reason: 'cancelled', code: 'interrupted' };
const UNTIL_ENDED = 'sleep 3600';

describe('a session that has a run', () => {
  let runner: Runner;
  let session = 0;
  let session_id: string;
  beforeAll(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_DRAIN_SECONDS: '0' });
  });
  afterAll(() => runner.stop());
  beforeEach(() => {
    session += 1;
    session_id = `session-${session}`;
  });

  const start = async (more: object = {}) => {
    const id = await startRun(runner, { user_prompt: UNTIL_ENDED, session_id, ...more });
    await untilState(runner, id, 'running');
    return id;
  };
  const wait = async (more: object = {}) => {
    const id = await startRun(runner, { user_prompt: 'echo ran', session_id, ...more });
    expect(await getRun(runner, id)).toMatchObject({ state: 'queued' });
    return id;
  };

  it.each([{}, { on_busy: 'queue' }])('lets the next one wait: %j', async (more) => {
    const first = await start();
    const second = await wait(more);
    await cancelRun(runner, first);
    await untilState(runner, second, 'completed');
  });

  it('refuses one that asks for that, while anything of it has not ended', async () => {
    const reject = { user_prompt: 'echo ran', session_id, on_busy: 'reject' };
    const running = await start();
    const refusals = async () => {
      for (const path of ['/run', '/runs']) {
        const { status, body } = await ask(runner, 'POST', path, { body: reject });
        expect([status, body.code]).toEqual([409, 'session_busy']);
      }
    };
    await refusals();
    const gate = new Gate(runner, session_id);
    const queued = await startRun(runner, { user_prompt: gate.wait, session_id });
    await refusals();
    await cancelRun(runner, running);
    await refusals();
    gate.open();
    await untilState(runner, queued, 'completed');
    const accepted = await postRun(runner, reject);
    expect(accepted.status).toBe(202);
    await untilState(runner, accepted.body.run_id, 'completed');
    expect((await ask(runner, 'GET', `/runs?session_id=${session_id}`)).body.runs).toHaveLength(3);
  });

  it('takes one of several that all ask to be alone', async () => {
    for (let round = 0; round < 5; round += 1) {
      const body = { user_prompt: UNTIL_ENDED, session_id, on_busy: 'reject' };
      const answers = await Promise.all(Array.from({ length: 8 }, () => postRun(runner, body)));
      const accepted = answers.filter(({ status }) => status === 202);
      expect(accepted).toHaveLength(1);
      for (const { status, body: problem } of answers) {
        if (status !== 202) expect([status, problem.code]).toEqual([409, 'session_busy']);
      }
      await cancelRun(runner, accepted[0]!.body.run_id);
    }
  });

  it('ends all of its runs for one that interrupts, and then runs that', async () => {
    const stream = await StreamClient.open(runner, {
      user_prompt: `echo old > outputs/who; echo up; ${UNTIL_ENDED}`,
      session_id,
      user_id: 'Ada',
    });
    await stream.waitFor(({ data }) => data === 'up');
    const running = String(stream.response.headers.location).slice(6);
    const queued = [await wait({ user_id: 'ada' }), await wait({ user_id: ' ADA' })];
    const client = await StreamClient.open(runner, {
      user_prompt: 'cat outputs/who',
      session_id,
      user_id: 'ada',
      on_busy: 'interrupt',
    });
    expect(await client.exit()).toMatchObject({ reason: 'completed', return_code: 0 });
    expect(client.dataOf('agent')).toEqual(['old']);
    const id = String(client.response.headers.location).slice(6);
    expect(await getRun(runner, running)).toMatchObject({
      ...INTERRUPTED,
      return_code: -2,
      detail: expect.stringContaining(id),
    });
    for (const it of queued) {
      const run = await untilState(runner, it, 'cancelled');
      expect(run).toMatchObject({ ...INTERRUPTED, started_at: null });
    }
    expect(await stream.exit()).toMatchObject({ reason: 'cancelled', code: 'interrupted' });
    // The old one had ended before the new one began.
    const ended = Date.parse((await getRun(runner, running)).ended_at!);
    expect(Date.parse((await getRun(runner, id)).started_at!)).toBeGreaterThanOrEqual(ended);
  });

  it('takes the last of several that interrupt at once', async () => {
    await start();
    const answers = await Promise.all(
      Array.from({ length: 6 }, () =>
        startRun(runner, { user_prompt: 'echo ran', session_id, on_busy: 'interrupt' }),
      ),
    );
    const last = answers.sort().at(-1)!;
    await untilState(runner, last, 'completed');
    await untilIdle(runner);
    const { runs } = (await ask(runner, 'GET', `/runs?session_id=${session_id}&state=completed`))
      .body;
    expect(runs.map(({ run_id: id }: { run_id: string }) => id)).toEqual([last]);
  });

  it('keeps the runs of another user', async () => {
    const body = { user_prompt: 'echo ran', session_id, user_id: 'bob', on_busy: 'interrupt' };
    const refused = async () => {
      const { status, body: problem } = await postRun(runner, body);
      expect([status, problem.code]).toEqual([409, 'session_busy']);
    };
    const running = await start({ user_id: 'ada' });
    await refused();
    // One of his own waits too; that changes nothing, and is not ended either.
    const own = await wait({ user_id: 'bob' });
    await refused();
    expect(await getRun(runner, running)).toMatchObject({ state: 'running' });
    expect(await getRun(runner, own)).toMatchObject({ state: 'queued' });
    await cancelRun(runner, running);
    await untilState(runner, own, 'completed');
    // Nobody's run is a user of its own.
    const anonymous = await start();
    await refused();
    await cancelRun(runner, anonymous);
  });

  it('has nothing to interrupt when it is free', async () => {
    const other = await startRun(runner, { user_prompt: UNTIL_ENDED, session_id: 'elsewhere' });
    const client = await StreamClient.open(runner, {
      user_prompt: 'echo ran',
      session_id,
      on_busy: 'interrupt',
    });
    expect(await client.exit()).toMatchObject({ reason: 'completed' });
    expect(client.dataOf('queued')).toEqual([]);
    await untilState(runner, other, 'running');
    await cancelRun(runner, other);
  });
});

describe('interrupting where runs wait', () => {
  let runner: Runner;
  afterEach(() => runner.stop());
  const serve = async (env: Record<string, string>) => {
    runner = await Runner.start({ FERMILINK_RUNNER_DRAIN_SECONDS: '0', ...env });
  };
  const post = (session_id: string, user_id: string, more: object = {}) =>
    postRun(runner, { user_prompt: UNTIL_ENDED, session_id, user_id, ...more });
  const accepted = async (session_id: string, user_id: string, more: object = {}) => {
    const { status, body } = await post(session_id, user_id, more);
    expect([status, body.code]).toEqual([202, undefined]);
    return String(body.run_id);
  };
  const interrupt = { on_busy: 'interrupt' };

  it('looks at the caps as if the others were gone, and ends nothing if it is refused', async () => {
    await serve({
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1',
      FERMILINK_RUNNER_MAX_QUEUE_SIZE: '3',
      FERMILINK_RUNNER_MAX_PENDING_PER_USER: '2',
    });
    const holder = await accepted('h', 'hal');
    await untilState(runner, holder, 'running');
    const ada = [await accepted('a', 'ada'), await accepted('a2', 'ada')];
    expect((await post('a', 'ada')).body.code).toBe('user_queue_full');
    // Of the two that wait one leaves.
    const second = await accepted('a', 'ada', interrupt);
    expect(await untilState(runner, ada[0]!, 'cancelled')).toMatchObject(INTERRUPTED);
    expect(await getRun(runner, second)).toMatchObject({ state: 'queued', position: 2 });
    // None of his leaves.
    expect((await post('a3', 'ada', interrupt)).body.code).toBe('user_queue_full');
    const bob = await accepted('b', 'bob');
    expect((await post('c', 'cyd', interrupt)).body.code).toBe('queue_full');
    for (const id of [ada[1]!, second, bob]) {
      expect(await getRun(runner, id)).toMatchObject({ state: 'queued' });
    }
    const again = await accepted('b', 'bob', interrupt);
    expect(await untilState(runner, bob, 'cancelled')).toMatchObject(INTERRUPTED);
    expect(await getRun(runner, again)).toMatchObject({ state: 'queued', position: 3 });
    expect(await getRun(runner, holder)).toMatchObject({ state: 'running' });
  });

  it('takes no place in a full queue that it would not need if the others were gone', async () => {
    await serve({
      FERMILINK_RUNNER_PER_USER_CONCURRENT_RUNS: '1',
      FERMILINK_RUNNER_MAX_QUEUE_SIZE: '1',
    });
    const own = await accepted('a', 'ada');
    await accepted('b', 'bob');
    await accepted('b2', 'bob');
    expect((await post('a', 'ada')).body.code).toBe('queue_full');
    const next = await accepted('a', 'ada', interrupt);
    expect(await untilState(runner, own, 'cancelled')).toMatchObject(INTERRUPTED);
    await untilState(runner, next, 'running');
    expect(await runner.getJson('/ops/concurrency')).toMatchObject({
      active_total: 2,
      pending_total: 1,
    });
  });

  it.each([
    ['bob', 'user_queue_full'],
    ['ada', undefined],
  ])('counts a slot for the user who would get it: %s', async (firstInLine, code) => {
    await serve({
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1',
      FERMILINK_RUNNER_MAX_PENDING_PER_USER: '1',
    });
    const own = await accepted('a', 'ada');
    await untilState(runner, own, 'running');
    const others = firstInLine === 'bob' ? ['bob', 'ada'] : ['ada', 'bob'];
    for (const user of others) await accepted(`${user}-2`, user);
    expect((await post('a', 'ada', interrupt)).body.code).toBe(code);
    const state = code === undefined ? 'cancelled' : 'running';
    await untilState(runner, own, state);
  });

  it('gives no place before those who came earlier', async () => {
    await serve({ FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1' });
    const holder = await accepted('h', 'hal');
    await untilState(runner, holder, 'running');
    const first = await accepted('a', 'ada');
    const gate = new Gate(runner, 'bob');
    const bob = await accepted('b', 'bob', { user_prompt: gate.wait });
    const second = await accepted('a', 'ada', { ...interrupt, user_prompt: 'echo ran' });
    expect(await untilState(runner, first, 'cancelled')).toMatchObject(INTERRUPTED);
    expect(await getRun(runner, bob)).toMatchObject({ position: 1 });
    expect(await getRun(runner, second)).toMatchObject({ position: 2 });
    await cancelRun(runner, holder);
    await untilState(runner, bob, 'running');
    expect(await getRun(runner, second)).toMatchObject({ state: 'queued', position: 1 });
    gate.open();
    await untilState(runner, second, 'completed');
  });
});

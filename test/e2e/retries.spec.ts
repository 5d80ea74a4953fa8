import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, kinship, processesWith } from '../support/processes.js';
import { ask, cancelRun, Gate, getRun, postRun, startRun, untilState } from '../support/runs.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { type RunBody, StreamClient } from '../support/stream-client.js';

const withKey = (key: string, lastEventId?: number | string) => ({
  'idempotency-key': key,
  ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }),
});
const upTo = (last: number, after = 0) =>
  Array.from({ length: last - after }, (_, index) => after + index + 1);

describe('Idempotency-Key', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({
      FERMILINK_RUNNER_PER_USER_CONCURRENT_RUNS: '2',
      FERMILINK_RUNNER_MAX_PENDING_PER_USER: '2',
      FERMILINK_RUNNER_DRAIN_SECONDS: '0',
    });
  });
  afterAll(() => runner.stop());

  const post = (body: RunBody, key: string, lastEventId?: number | string) =>
    StreamClient.open(runner, body, { headers: withKey(key, lastEventId) });
  const idOf = (client: StreamClient) => String(client.response.headers.location).slice(6);
  const runsOf = async (session: string) =>
    (await ask(runner, 'GET', `/runs?session_id=${session}`)).body.runs as unknown[];

  it.each(['', ' ', 'x'.repeat(256), 'caf\u00e9', 'a\tb', '\u0080'])(
    'is refused as %j, and nothing is started',
    async (key) => {
      for (const path of ['/run', '/runs']) {
        const body = { user_prompt: 'true', session_id: 'no-key' };
        const client = await StreamClient.open(runner, body, { path, headers: withKey(key) });
        expect(client.status).toBe(422);
        expect(await client.json()).toMatchObject({
          code: 'invalid_request',
          errors: [{ field: 'Idempotency-Key' }],
        });
      }
      expect(await runsOf('no-key')).toEqual([]);
    },
  );

  it.each(['k', '~! "#', 'x'.repeat(255)])('is taken as %j', async (key) => {
    const body = { user_prompt: 'true', session_id: 'good-key' };
    const id = await startRun(runner, body, withKey(key));
    expect(await startRun(runner, body, withKey(key))).toBe(id);
  });

  it('belongs to a user, else to a session', async () => {
    const idFor = async (more: object, key = 'scope') =>
      startRun(runner, { user_prompt: 'true', ...more }, withKey(key));
    const ids = [
      await idFor({ user_id: 'scope-a', session_id: 'scope-1' }),
      await idFor({ user_id: 'scope-b', session_id: 'scope-1' }),
      await idFor({ session_id: 'scope-1' }),
      await idFor({ session_id: 'scope-2' }),
      await idFor({ user_id: 'scope-a', session_id: 'scope-1' }, 'other'),
      await idFor({}),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(await idFor({ user_id: 'scope-a', session_id: 'scope-1' })).toBe(ids[0]);
    expect(await idFor({ session_id: 'scope-2' })).toBe(ids[3]);
    // Without a session the run has one of its own, which the retry cannot know.
    expect(await idFor({})).toBe(ids[5]);
    const elsewhere = await postRun(
      runner,
      { user_prompt: 'true', user_id: 'scope-a', session_id: 'scope-3' },
      withKey('scope'),
    );
    expect([elsewhere.status, elsewhere.body.code]).toEqual([422, 'idempotency_key_reused']);
  });

  it('stands for one body, however it is spelled, on both routes', async () => {
    const body = {
      user_prompt: 'echo once',
      session_id: 'body',
      metadata: { a: 1, b: { c: 2, d: [3, 4] } },
    };
    const id = await startRun(runner, body, withKey('body'));
    const { end: _end, ...same } = {
      end: null,
      unknown: 'ignored',
      on_busy: null,
      user_id: '  ',
      metadata: { b: { d: [3, 4], c: 2 }, a: 1 },
      session_id: 'body',
      user_prompt: 'echo once',
    };
    const joined = await post(same, 'body');
    expect(idOf(joined)).toBe(id);
    await joined.exit();
    expect(joined.dataOf('agent')).toEqual(['once']);
    const others = [
      { ...body, user_prompt: 'echo twice' },
      { ...body, on_busy: 'queue' },
      { ...body, on_disconnect: 'continue' },
      { ...body, max_runtime_seconds: 5 },
      { ...body, metadata: { a: 1, b: { c: 2, d: [4, 3] } } },
      { ...body, metadata: null },
    ];
    for (const other of others) {
      for (const path of ['/run', '/runs']) {
        const answer = await ask(runner, 'POST', path, { body: other, headers: withKey('body') });
        expect([answer.status, answer.body.code]).toEqual([422, 'idempotency_key_reused']);
      }
    }
    expect(await runsOf('body')).toHaveLength(1);
  });

  it('joins a run that lives, from the event that the client has', async () => {
    const gate = new Gate(runner, 'live');
    const body = { user_prompt: `seq 4; ${gate.wait}; echo end`, session_id: 'live' };
    const first = await post(body, 'live');
    await first.waitFor(({ data }) => data === '4');
    const others = [];
    for (const after of [undefined, 0, 1, 3, 5]) {
      const client = await post(body, 'live', after);
      expect([client.status, idOf(client)]).toEqual([200, idOf(first)]);
      others.push([after ?? 0, client] as const);
    }
    const tooFar = await post(body, 'live', 6);
    expect([tooFar.status, (await tooFar.json()).code]).toEqual([400, 'cursor_unknown']);
    const known = await postRun(runner, body, withKey('live', 2));
    expect([known.status, known.body.run_id, known.body.state]).toEqual([
      202,
      idOf(first),
      'running',
    ]);
    // The first one goes; others still follow.
    first.abort();
    gate.open();
    for (const [after, client] of others) {
      expect(await client.exit()).toMatchObject({ reason: 'completed' });
      expect(client.openings).toEqual([String(after)]);
      expect(client.ids).toEqual(upTo(7, after));
    }
    expect(await runsOf('live')).toHaveLength(1);
  });

  it('joins a run that waits, and one that has ended', async () => {
    const gate = new Gate(runner, 'waits');
    const session_id = 'waits';
    await startRun(runner, { user_prompt: gate.wait, session_id });
    const body = { user_prompt: 'echo once', session_id };
    const first = await post(body, 'waits');
    await first.waitFor(({ event }) => event === 'queued');
    const second = await post(body, 'waits');
    await second.waitFor(({ event }) => event === 'queued');
    const state = await postRun(runner, body, withKey('waits'));
    expect([state.status, state.body.run_id, state.body.state]).toEqual([
      202,
      idOf(first),
      'queued',
    ]);
    gate.open();
    for (const client of [first, second]) {
      await client.exit();
      expect(client.ids).toEqual([1, 2, 3]);
    }
    for (const [after, ids] of [
      [undefined, [1, 2, 3]],
      [0, [1, 2, 3]],
      [2, [3]],
    ] as const) {
      const late = await post(body, 'waits', after);
      expect(idOf(late)).toBe(idOf(first));
      expect(await late.exit()).toMatchObject({ reason: 'completed' });
      expect(late.ids).toEqual(ids);
    }
    const whole = await post(body, 'waits', 3);
    expect([whole.status, idOf(whole)]).toEqual([204, idOf(first)]);
    const tooFar = await post(body, 'waits', 4);
    expect([tooFar.status, (await tooFar.json()).code]).toEqual([400, 'cursor_unknown']);
    expect((await postRun(runner, body, withKey('waits', 3))).body.state).toBe('completed');
    expect(await runsOf(session_id)).toHaveLength(2);
  });

  it('makes one run of 50 first uses at once', async () => {
    const body = { user_prompt: 'echo x >> outputs/count; cat outputs/count', session_id: 'many' };
    const ids = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        if (index % 2 === 0) return startRun(runner, body, withKey('many'));
        const client = await post(body, 'many');
        expect(client.status).toBe(200);
        expect(await client.exit()).toMatchObject({ reason: 'completed' });
        expect(client.ids).toEqual([1, 2, 3]);
        return idOf(client);
      }),
    );
    expect(new Set(ids).size).toBe(1);
    expect(await runsOf('many')).toHaveLength(1);
    expect(readFileSync(join(runner.repo('many'), 'outputs', 'count'), 'utf8')).toBe('x\n');
  });

  it('is stored by no request that is refused', async () => {
    const gate = new Gate(runner, 'full');
    const user = { user_id: 'full', session_id: 'full' };
    const held = [];
    for (let i = 0; i < 3; i += 1) {
      held.push(await startRun(runner, { user_prompt: gate.wait, ...user }));
    }
    const body = { user_prompt: 'echo at last', ...user };
    const refused = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        ask(runner, 'POST', index % 2 === 0 ? '/run' : '/runs', { body, headers: withKey('full') }),
      ),
    );
    for (const answer of refused) {
      expect([answer.status, answer.body.code]).toEqual([429, 'user_queue_full']);
    }
    const busy = await postRun(runner, { ...body, on_busy: 'reject' }, withKey('full'));
    expect([busy.status, busy.body.code]).toEqual([409, 'session_busy']);
    const unknown = await postRun(runner, { ...body, package_id: 'none' }, withKey('full'));
    expect([unknown.status, unknown.body.code]).toEqual([400, 'package_not_found']);
    expect(await runsOf('full')).toHaveLength(3);
    await cancelRun(runner, held[2]!);
    const retry = await post(body, 'full');
    await retry.waitFor(({ event }) => event === 'queued');
    gate.open();
    expect(await retry.exit()).toMatchObject({ reason: 'completed' });
    expect(await runsOf('full')).toHaveLength(4);
  });

  it('is missing where a POST is repeated blindly: nothing is started', async () => {
    const body = { user_prompt: 'true', session_id: 'blind' };
    for (const path of ['/run', '/runs']) {
      for (const headers of [{ 'last-event-id': '3' }, withKey('never seen', 3), withKey('x', 0)]) {
        const answer = await ask(runner, 'POST', path, { body, headers });
        expect([answer.status, answer.body.code]).toEqual([409, 'retry_unmatched']);
      }
    }
    expect(await runsOf('blind')).toEqual([]);
    const client = await StreamClient.open(runner, body, { headers: { 'last-event-id': '' } });
    expect(await client.exit()).toMatchObject({ reason: 'completed' });
  });
});

describe('a retry of a run that could not be prepared', () => {
  it('repeats status and body, also of the next server, and starts nothing', async () => {
    const runner = await Runner.start();
    const session_id = 'spoilt';
    const spoil = await startRun(runner, {
      user_prompt: 'rmdir outputs; echo x > outputs',
      session_id,
    });
    await untilState(runner, spoil, 'completed');
    const body = { user_prompt: 'echo ran', session_id };
    const post = (server: Runner, path = '/run') =>
      ask(server, 'POST', path, { body, headers: withKey('spoilt') });
    const first = await post(runner);
    expect([first.status, first.body.code]).toEqual([500, 'workspace_failed']);
    const { run_id: id } = first.body;
    expect(await getRun(runner, id)).toMatchObject({ state: 'failed', code: 'workspace_failed' });
    // What was wrong is mended meanwhile; the run has failed all the same.
    rmSync(join(runner.repo(session_id), 'outputs'));
    const check = async (server: Runner) => {
      const again = await post(server);
      expect([again.status, again.body]).toEqual([first.status, first.body]);
      expect(again.headers.get('location')).toBe(`/runs/${id}`);
      const joined = await post(server, '/runs');
      expect([joined.status, joined.body]).toEqual([
        202,
        { run_id: id, session_id, state: 'failed' },
      ]);
      expect((await ask(server, 'GET', '/runs')).body.runs).toHaveLength(2);
    };
    await check(runner);
    await runner.terminate();
    const next = await runner.startNext();
    await check(next);
    const fresh = await StreamClient.open(next, body, { headers: withKey('spoilt-2') });
    expect(await fresh.exit()).toMatchObject({ reason: 'completed' });
    await next.stop();
  });
});

describe('a retry while the run is being prepared', () => {
  let runner: Runner;
  let holder: ChildProcess;
  beforeEach(async () => {
    const home = temporaryFolder();
    const maxwellLink = join(home, 'maxwelllink');
    const root = join(home, 'fermilink', 'scientific_packages');
    mkdirSync(maxwellLink);
    mkdirSync(root, { recursive: true });
    // Another program holds the registry, in which every run has to register a package.
    holder = spawn('flock', [join(root, '.registry.lock'), 'sh', '-c', 'echo held; cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(holder.stdout!, 'data');
    runner = await Runner.start(
      { FERMILINK_MAXWELLLINK_ROOT: maxwellLink, FERMILINK_RUNNER_PREPARE_TIMEOUT_SECONDS: '2' },
      home,
    );
  });
  afterEach(async () => {
    holder.stdin!.end();
    await runner.stop();
  });

  const body = { user_prompt: 'echo ran', session_id: 's' };
  const headers = withKey('k');
  /** Posts until the server has got it: its run is being prepared. */
  const twice = async () => {
    const first = StreamClient.open(runner, body, { headers });
    const { run_id: id } = await eventually(
      async () => (await ask(runner, 'GET', '/runs?state=preparing')).body.runs[0] ?? {},
      (run) => run.run_id !== undefined,
    );
    const second = StreamClient.open(runner, body, { headers });
    const state = await postRun(runner, body, headers);
    expect(state.body).toEqual({ run_id: id, session_id: 's', state: 'preparing' });
    return [first, second];
  };

  it('waits for it like the first, and then gets the stream', async () => {
    const posted = await twice();
    holder.stdin!.end();
    for (const client of await Promise.all(posted)) {
      expect(client.status).toBe(200);
      await client.exit();
      expect(client.ids).toEqual([1, 2, 3]);
    }
  });

  it('joins also where its own run is what the session is busy with', async () => {
    const impatient = { ...body, package_id: 'maxwelllink-local', on_busy: 'reject' };
    const answers = Array.from({ length: 10 }, () => postRun(runner, impatient, headers));
    // All are past the look for their key: they wait for the registry, and then go on at once.
    await eventually(
      () => processesWith('--exclusive'),
      (programs) => programs.some((pid) => kinship(pid).parent === runner.pid),
    );
    holder.stdin!.end();
    const ids = (await Promise.all(answers)).map(({ status, body: { run_id: id } }) => {
      expect(status).toBe(202);
      return id as string;
    });
    expect(new Set(ids).size).toBe(1);
    await untilState(runner, ids[0]!, 'completed');
  });

  it('waits for it like the first, and then gets the same refusal', async () => {
    const posted = await twice();
    const [run] = (await ask(runner, 'GET', '/runs')).body.runs;
    await eventually(
      () => Date.now() - Date.parse(run.created_at),
      (age) => age > 2500,
    );
    holder.stdin!.end();
    const clients = await Promise.all(posted);
    const answers = await Promise.all(clients.map((client) => client.json()));
    for (const client of clients) expect(client.status).toBe(500);
    expect(answers[0]).toMatchObject({ code: 'prepare_timeout', run_id: expect.any(String) });
    expect(answers[1]).toEqual(answers[0]);
    expect(existsSync(join(runner.repo('s'), 'outputs', 'ran'))).toBe(false);
  });
});

describe('keys and a restart', () => {
  it('stay with their runs, ended and waiting', async () => {
    const runner = await Runner.start({ FERMILINK_RUNNER_DRAIN_SECONDS: '0' });
    const done = { user_prompt: 'seq 3', session_id: 'done' };
    const id = await startRun(runner, done, withKey('done'));
    await untilState(runner, id, 'completed');
    const gate = new Gate(runner, 'gate');
    await startRun(runner, { user_prompt: gate.wait, session_id: 'waits' });
    const body = { user_prompt: `${gate.wait}; echo x >> outputs/ran`, session_id: 'waits' };
    const waiting = await startRun(runner, body, withKey('waiting'));
    expect(await runner.terminate()).toBe(0);

    const next = await runner.startNext();
    const stream = await StreamClient.open(next, done, { headers: withKey('done', 2) });
    expect(stream.response.headers.location).toBe(`/runs/${id}`);
    await stream.exit();
    expect(stream.ids).toEqual([3, 4, 5]);
    const other = await postRun(next, { ...done, user_prompt: 'seq 4' }, withKey('done'));
    expect(other.body.code).toBe('idempotency_key_reused');
    const joined = await StreamClient.open(next, body, { headers: withKey('waiting') });
    expect(joined.response.headers.location).toBe(`/runs/${waiting}`);
    gate.open();
    expect(await joined.exit()).toMatchObject({ reason: 'completed' });
    expect(joined.ids).toEqual([1, 2]);
    expect(readFileSync(join(next.repo('waits'), 'outputs', 'ran'), 'utf8')).toBe('x\n');
    await next.stop();
  });
});

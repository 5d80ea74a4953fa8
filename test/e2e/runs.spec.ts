import { ask, cancelRun, Gate, getRun, postRun, startRun, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';
import { type RunBody, StreamClient } from '../support/stream-client.js';

const RUN_ID = /^[0-9a-f]{32}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

describe('POST /runs and POST /run', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_MAX_RUNTIME_SECONDS: '20' });
  });
  afterAll(() => runner.stop());

  it('creates a run, says so at once, and runs it without anybody who follows it', async () => {
    const gate = new Gate(runner, 'created');
    const answer = await postRun(runner, {
      user_prompt: `echo up; ${gate.wait}; exit 3`,
      session_id: 'created',
    });
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({
      run_id: expect.stringMatching(RUN_ID),
      session_id: 'created',
      state: expect.stringMatching(/^(queued|preparing|running)$/),
    });
    expect(answer.headers.get('location')).toBe(`/runs/${answer.body.run_id}`);
    expect((await ask(runner, 'GET', answer.headers.get('location')!)).body).toMatchObject({
      run_id: answer.body.run_id,
    });
    gate.open();
    expect(await untilState(runner, answer.body.run_id, 'completed')).toMatchObject({
      return_code: 3,
    });
  });

  it('says in every place of a stream which run it is', async () => {
    const gate = new Gate(runner, 'named');
    const first = await StreamClient.open(runner, {
      user_prompt: `echo up; ${gate.wait}`,
      session_id: 'named',
    });
    const second = await StreamClient.open(runner, { user_prompt: 'true', session_id: 'named' });
    await second.waitFor(({ event }) => event === 'queued');
    gate.open();
    const ids = [];
    for (const client of [first, second]) {
      const { run_id: id } = await client.exit();
      expect(id).toMatch(RUN_ID);
      expect(client.response.headers.location).toBe(`/runs/${String(id)}`);
      for (const kind of ['meta', 'queued', 'runner.exit']) {
        for (const data of client.dataOf(kind)) {
          expect(JSON.parse(data)).toMatchObject({ run_id: id });
        }
      }
      ids.push(id);
    }
    expect(second.dataOf('queued')).not.toEqual([]);
    expect(new Set(ids).size).toBe(2);
  });

  it('refuses what is wrong on both routes, and names every bad field', async () => {
    const bad = {
      user_prompt: '',
      session_id: '../x',
      user_id: 7,
      on_disconnect: 'stay',
      on_busy: 'push',
      max_runtime_seconds: 0,
      metadata: ['a'],
    };
    for (const path of ['/run', '/runs']) {
      const { status, body } = await ask(runner, 'POST', path, { body: bad });
      expect([status, body.code]).toEqual([422, 'invalid_request']);
      expect(body.errors.map(({ field }: { field: string }) => field).sort()).toEqual(
        Object.keys(bad).sort(),
      );
      for (const field of Object.keys(bad)) expect(body.detail).toContain(field);
    }
    const listed = await ask(runner, 'GET', '/runs?session_id=..%2Fx');
    expect(listed.body.runs).toEqual([]);
  });

  const nested = (depth: number): object => (depth === 1 ? {} : { a: nested(depth - 1) });
  const sized = (bytes: number) => ({ a: 'ä'.repeat((bytes - '{"a":""}'.length) / 2) });

  it.each<[string, object, boolean]>([
    ['on_disconnect of another kind', { on_disconnect: true }, false],
    ['on_disconnect with a capital', { on_disconnect: 'Cancel' }, false],
    ['on_disconnect null', { on_disconnect: null }, true],
    ['on_busy of another kind', { on_busy: ['queue'] }, false],
    ['on_busy null', { on_busy: null }, true],
    ['max_runtime_seconds 1', { max_runtime_seconds: 1 }, true],
    ['max_runtime_seconds at the limit', { max_runtime_seconds: 20 }, true],
    ['max_runtime_seconds above the limit', { max_runtime_seconds: 21 }, false],
    ['max_runtime_seconds 0', { max_runtime_seconds: 0 }, false],
    ['max_runtime_seconds negative', { max_runtime_seconds: -1 }, false],
    ['max_runtime_seconds with a fraction', { max_runtime_seconds: 1.5 }, false],
    ['max_runtime_seconds as text', { max_runtime_seconds: '5' }, false],
    ['max_runtime_seconds null', { max_runtime_seconds: null }, true],
    ['metadata text', { metadata: 'x' }, false],
    ['metadata a list', { metadata: [] }, false],
    ['metadata empty', { metadata: {} }, true],
    ['metadata null', { metadata: null }, true],
    ['metadata of 4 KiB', { metadata: sized(4096) }, true],
    ['metadata of over 4 KiB in UTF-8', { metadata: sized(4098) }, false],
    ['metadata 32 deep', { metadata: nested(32) }, true],
    ['metadata 33 deep', { metadata: nested(33) }, false],
  ])('judges %s', async (_name, more, isGood) => {
    const { status, body } = await postRun(runner, { user_prompt: 'true', ...more });
    if (isGood) {
      expect(status).toBe(202);
      await untilState(runner, body.run_id, 'completed');
    } else {
      expect([status, body.code]).toEqual([422, 'invalid_request']);
      expect(body.errors).toHaveLength(1);
      expect(body.errors[0].field).toBe(Object.keys(more)[0]);
    }
  });
});

describe('GET /runs/{id}', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1' });
  });
  afterAll(() => runner.stop());

  it('tells all of a run in each of its states', async () => {
    const [one, two] = [new Gate(runner, 'one'), new Gate(runner, 'two')];
    const metadata = { ticket: 7, nested: { list: [1, 'ü', null, true] } };
    const holder = await startRun(runner, { user_prompt: one.wait, session_id: 'holder' });
    const request = { user_prompt: `echo up; ${two.wait}; exit 4`, session_id: 'seen' };
    const id = await startRun(runner, { ...request, user_id: ' Ada ', metadata });
    const behind = await startRun(runner, { user_prompt: 'true', session_id: 'behind' });

    const queued = await getRun(runner, id);
    expect(queued).toEqual({
      run_id: id,
      session_id: 'seen',
      user_id: 'Ada',
      state: 'queued',
      reason: null,
      code: null,
      detail: null,
      return_code: null,
      created_at: expect.stringMatching(TIME),
      started_at: null,
      ended_at: null,
      agent: null,
      package: null,
      metadata,
      last_event_id: 0,
      outcome: null,
      error: null,
      result_text: null,
      files: null,
      usage: null,
      position: 1,
      pending_total: 2,
    });
    expect(await getRun(runner, behind)).toMatchObject({ position: 2, metadata: null });

    one.open();
    await untilState(runner, holder, 'completed');
    const stream = await StreamClient.follow(runner, id);
    await stream.waitFor(({ data }) => data === 'up');
    expect((await getRun(runner, behind)).position).toBe(1);
    const running = await getRun(runner, id);
    const { position: _position, pending_total: _total, ...rest } = queued;
    const agent = {
      provider: 'codex',
      sandbox_policy: 'enforce',
      sandbox_mode: 'workspace-write',
      model: null,
      reasoning_effort: null,
    };
    expect(running).toEqual({
      ...rest,
      state: 'running',
      started_at: expect.stringMatching(TIME),
      agent,
      last_event_id: 2,
    });

    two.open();
    await stream.exit();
    const ended = await getRun(runner, id);
    expect(ended).toEqual({
      ...running,
      state: 'completed',
      reason: 'completed',
      return_code: 4,
      ended_at: expect.stringMatching(TIME),
      last_event_id: 3,
      files: {
        created: [],
        modified: [],
        deleted: [],
        total: { created: 0, modified: 0, deleted: 0 },
      },
      outcome: 'failed',
      error: { code: 'agent_crashed', message: expect.stringContaining('status 4') },
      usage: expect.objectContaining({ tool_calls: 0 }),
    });
    const times = [ended.created_at, ended.started_at, ended.ended_at].map((it) => Date.parse(it!));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    await untilState(runner, behind, 'completed');
  });

  it('gives the prompt only to those who ask for it, whatever the state', async () => {
    const gate = new Gate(runner, 'prompt');
    const prompt = `${gate.wait}; echo 'ünï'`;
    const id = await startRun(runner, { user_prompt: prompt, session_id: 'prompt' });
    const asked = () => ask(runner, 'GET', `/runs/${id}?include=prompt`);
    expect((await asked()).body.prompt).toBe(prompt);
    gate.open();
    await untilState(runner, id, 'completed');
    expect((await asked()).body.prompt).toBe(prompt);
    expect(await getRun(runner, id)).not.toHaveProperty('prompt');
    expect((await ask(runner, 'GET', '/runs?session_id=prompt')).body.runs[0]).not.toHaveProperty(
      'prompt',
    );
  });

  it('says how a run failed that was never started', async () => {
    const spoil = await startRun(runner, {
      user_prompt: 'rmdir outputs; echo x > outputs',
      session_id: 'spoilt',
    });
    await untilState(runner, spoil, 'completed');
    const id = await startRun(runner, { user_prompt: 'true', session_id: 'spoilt' });
    expect(await untilState(runner, id, 'failed')).toMatchObject({
      reason: 'failed',
      code: 'workspace_failed',
      detail: expect.stringContaining('outputs is a regular file'),
      return_code: null,
      started_at: null,
      ended_at: expect.stringMatching(TIME),
      agent: null,
      last_event_id: 1,
    });
  });

  it.each([
    'f'.repeat(32),
    'F'.repeat(32),
    '0',
    'x'.repeat(5000),
    '..%2F..%2F..%2Fetc%2Fpasswd',
    '..%2Flive%2Fx',
    '%00',
    '%E2%80%A8',
    '__proto__',
  ])('knows no run %#, on any route', async (id) => {
    const asked = [
      ['GET', `/runs/${id}`],
      ['GET', `/runs/${id}/events`],
      ['POST', `/runs/${id}/cancel`],
    ] as const;
    for (const [method, path] of asked) {
      const { status, body, headers } = await ask(runner, method, path);
      expect([status, body.code]).toEqual([404, 'run_not_found']);
      expect(headers.get('content-type')).toContain('application/problem+json');
      expect(body.detail).not.toContain('/');
    }
  });
});

describe('GET /runs', () => {
  let runner: Runner;
  const ids: string[] = [];
  const list = async (query = '') => {
    const { status, body } = await ask(runner, 'GET', `/runs${query}`);
    expect(status).toBe(200);
    return body as { runs: { run_id: string; state: string }[]; next_cursor: string | null };
  };
  const idsOf = ({ runs }: Awaited<ReturnType<typeof list>>) => runs.map(({ run_id }) => run_id);

  beforeAll(async () => {
    // One holds the only slot and all others wait: runs are made in no time.
    runner = await Runner.start({
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1',
      FERMILINK_RUNNER_MAX_PENDING_PER_USER: '0',
      FERMILINK_RUNNER_DRAIN_SECONDS: '0',
    });
    const gate = new Gate(runner, 'never');
    for (let index = 0; index < 230; index += 1) {
      const body: RunBody = { user_prompt: gate.wait, session_id: `s${index % 10}` };
      if (index % 5 === 0) body.user_id = index % 2 === 0 ? 'Ada' : 'bob';
      ids.unshift(await startRun(runner, body));
    }
    // Some of each user and session have ended, in another order than they were made.
    await Promise.all(ids.filter((_, index) => index % 3 === 0).map((id) => cancelRun(runner, id)));
  });
  afterAll(() => runner.stop());

  const madeAs = (test: (made: number) => boolean) =>
    ids.filter((_, index) => test(ids.length - 1 - index));

  it('has the newest first, 50 of them, and the way to the others', async () => {
    const first = await list();
    expect(idsOf(first)).toEqual(ids.slice(0, 50));
    const { result_text: _text, files: _files, ...listed } = await getRun(runner, ids[0]!);
    expect(first.runs[0]).toEqual(listed);
    const seen = idsOf(first);
    for (let cursor = first.next_cursor; cursor !== null;) {
      const page = await list(`?limit=33&cursor=${cursor}`);
      seen.push(...idsOf(page));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(ids);
  });

  it('takes a limit of 1 to 200', async () => {
    expect(idsOf(await list('?limit=200'))).toEqual(ids.slice(0, 200));
    expect(idsOf(await list('?limit=1'))).toEqual([ids[0]]);
    for (const limit of ['0', '201', '-1', '1.5', 'many', '5&limit=6']) {
      const { status, body } = await ask(runner, 'GET', `/runs?limit=${limit}`);
      expect([limit, status, body.code]).toEqual([limit, 422, 'invalid_request']);
      expect(body.errors).toEqual([{ field: 'limit', message: expect.any(String) }]);
    }
  });

  it('has a page that ends with the last run end there', async () => {
    const seen = await list('?limit=200&user_id=ada');
    const last = await list(`?user_id=ada&limit=${seen.runs.length}`);
    expect(idsOf(last)).toEqual(idsOf(seen));
    expect(last.next_cursor).toBeNull();
  });

  it('lets only those pass that are asked for', async () => {
    expect(idsOf(await list('?limit=200&user_id=%20ADA'))).toEqual(
      madeAs((made) => made % 10 === 0),
    );
    expect(idsOf(await list('?limit=200&session_id=s3'))).toEqual(
      madeAs((made) => made % 10 === 3),
    );
    const cancelled = ids.filter((_, index) => index % 3 === 0);
    expect(idsOf(await list('?limit=200&state=cancelled'))).toEqual(cancelled);
    const both = await list('?limit=200&state=cancelled&session_id=s5&user_id=bob');
    const expected = madeAs((made) => made % 10 === 5).filter((id) => cancelled.includes(id));
    expect(idsOf(both)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(2);
    expect((await list('?user_id=nobody')).runs).toEqual([]);
    expect((await list('?state=lost')).next_cursor).toBeNull();
    expect((await list('?state=running')).runs.map(({ state }) => state)).toEqual(['running']);
  });

  it('pages through what a filter lets pass, also when it changes meanwhile', async () => {
    const first = await list('?state=queued&limit=20');
    // The run that the cursor names leaves the list; its place in it stays known.
    await cancelRun(runner, first.runs.at(-1)!.run_id);
    const second = await list(`?state=queued&limit=20&cursor=${first.next_cursor}`);
    const queued = idsOf(await list('?state=queued&limit=200'));
    expect(idsOf(second)).toEqual(queued.slice(19, 39));
  });

  it.each(['x', '0', 'F'.repeat(32), '..%2F', 'f'.repeat(33)])(
    'does not know the cursor %s',
    async (cursor) => {
      const { status, body } = await ask(runner, 'GET', `/runs?cursor=${cursor}`);
      expect([status, body.code]).toEqual([400, 'cursor_invalid']);
    },
  );

  it('names every bad parameter', async () => {
    const { status, body } = await ask(
      runner,
      'GET',
      '/runs?state=dead&limit=x&user_id=a&user_id=b',
    );
    expect([status, body.code]).toEqual([422, 'invalid_request']);
    expect(body.errors.map(({ field }: { field: string }) => field).sort()).toEqual([
      'limit',
      'state',
      'user_id',
    ]);
  });
});

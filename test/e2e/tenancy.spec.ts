import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/processes.js';
import { Runner } from '../support/runner.js';
import { ask, Gate, postRun, untilIdle } from '../support/runs.js';
import { StreamClient } from '../support/stream-client.js';
import { rawAsk, TokensFile } from '../support/tokens.js';

/** The routes of one run, and what each answers for one that is not there. */
const OF_A_RUN = [
  ['GET', '/runs/ID'],
  ['HEAD', '/runs/ID'],
  ['GET', '/runs/ID?include=prompt'],
  ['GET', '/runs/ID/events'],
  ['GET', '/runs/ID/events?after=1'],
  ['POST', '/runs/ID/cancel'],
] as const;
/** Of the form of an id, but of no run. */
const NO_RUN = '0'.repeat(32);

type Headers = Record<string, string>;

describe('users', () => {
  let runner: Runner;
  const tokens = new TokensFile([
    { name: 'web' },
    { name: 'other' },
    { name: 'ada', user: ' Ada ' },
    { name: 'bob', user: 'bob' },
  ]);
  beforeAll(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_TOKENS_FILE: tokens.path });
  });
  afterAll(() => runner.stop());

  const ada = () => tokens.as('ada');
  const bob = () => tokens.as('bob');
  const owners = () => join(runner.runtime, 'owners');
  const ownerOf = (session: string) =>
    (JSON.parse(readFileSync(join(owners(), `${session}.json`), 'utf8')) as { owner: string })
      .owner;
  const start = async (headers: Headers, session?: string, more: object = {}) => {
    const body = { user_prompt: 'echo x', session_id: session, ...more };
    const answer = await postRun(runner, body, headers);
    return { status: answer.status, code: answer.body.code, id: String(answer.body.run_id) };
  };
  const get = (path: string, headers: Headers) => ask(runner, 'GET', path, { headers });
  const idle = () =>
    eventually(
      () => get('/ops/concurrency', tokens.as('web')),
      ({ body }) => body.active_total === 0 && body.pending_total === 0,
    );
  const ended = (id: string) =>
    eventually(
      () => get(`/runs/${id}`, tokens.as('web')),
      ({ body }) => body.ended_at !== null,
    );
  /** The whole answer, without what differs between any two. */
  const bare = async (method: string, path: string, headers: Headers) => {
    const {
      status,
      headers: told,
      text,
    } = await rawAsk(runner, method, path, Object.entries(headers));
    return { status, text, told: { ...told, date: undefined } };
  };

  it('have sessions of their own, whose owner is on the disk before the run begins', async () => {
    const made = await start(ada(), 'of-ada');
    expect(made.status).toBe(202);
    expect(ownerOf('of-ada')).toBe('user:ada');
    const run = await get(`/runs/${made.id}`, ada());
    expect(run.body).toMatchObject({ session_id: 'of-ada', user_id: 'Ada' });
    expect(await start(bob(), 'of-ada')).toMatchObject({ status: 404, code: 'session_not_found' });
    const stream = await StreamClient.open(
      runner,
      { user_prompt: 'true', session_id: 'of-ada' },
      { headers: bob() },
    );
    expect(stream.status).toBe(404);
    expect((await start(ada(), 'of-ada')).status).toBe(202);
    expect((await start(tokens.as('web', 'ADA'), 'of-ada')).status).toBe(202);
    expect((await start(tokens.as('web'), 'of-ada')).status).toBe(202);
    expect(ownerOf('of-ada')).toBe('user:ada');
    await idle();
  });

  it('see nothing of the runs of others, as if they were not there', async () => {
    const live = await start(ada(), 'hidden', { user_prompt: 'sleep 60' });
    const past = await start(ada(), 'hidden-too');
    await ended(past.id);
    const strangers = [bob(), tokens.as('web', 'bob'), tokens.as('other', 'adam')];
    for (const headers of strangers) {
      for (const [method, path] of OF_A_RUN) {
        const none = await bare(method, path.replace('ID', NO_RUN), headers);
        expect(none.status).toBe(404);
        for (const { id } of [live, past]) {
          expect(await bare(method, path.replace('ID', id), headers)).toEqual(none);
        }
      }
      const { body } = await get('/runs', headers);
      expect(JSON.stringify(body)).not.toContain('hidden');
      const named = await get('/runs?session_id=hidden', headers);
      expect(named.body).toEqual({ runs: [], next_cursor: null });
    }
    for (const headers of [ada(), tokens.as('web', 'ada'), tokens.as('web'), tokens.as('other')]) {
      expect((await get(`/runs/${live.id}`, headers)).body.state).not.toBe('cancelled');
      expect((await get('/runs?session_id=hidden', headers)).body.runs).toHaveLength(1);
    }
    const cancelled = await ask(runner, 'POST', `/runs/${live.id}/cancel`, { headers: ada() });
    expect(cancelled.body.state).toBe('cancelled');
    await idle();
  });

  it('are named by token, header, or request; two that differ are refused', async () => {
    const web = (user?: string) => tokens.as('web', user);
    for (const [headers, more] of [
      [{ ...ada(), 'x-fermilink-user': 'bob' }, {}],
      [ada(), { user_id: 'bob' }],
      [web('ada'), { user_id: 'bob' }],
    ] as const) {
      expect(await start(headers, undefined, more)).toMatchObject({
        status: 403,
        code: 'forbidden',
      });
    }
    expect((await get('/runs?user_id=bob', ada())).status).toBe(403);
    const refused = await runner.logged(
      ({ token, method }) => token === 'token:ada' && method === 'GET',
    );
    expect(refused).toMatchObject({
      ...{ msg: 'a caller was refused', path: '/runs', remote: '127.0.0.1' },
      reason: 'for "Ada", and for "bob"',
    });
    expect((await get('/runs?user_id=bob', web('ada'))).status).toBe(403);
    for (const path of ['/packages', '/ops/concurrency', '/ops/providers', '/ops/admission']) {
      const status = async (query: string, headers: Headers) =>
        (await get(path + query, headers)).status;
      expect([
        path,
        await status('?user_id=ADA', ada()),
        await status('?user_id=bob', ada()),
        await status('', { ...ada(), 'x-fermilink-user': 'bob' }),
        await status('', { ...web(), 'x-fermilink-user': ' ' }),
      ]).toEqual([path, 200, 403, 403, 422]);
    }
    for (const [headers, more, user] of [
      [ada(), { user_id: 'ADA ' }, 'user:ada'],
      [{ ...ada(), 'x-fermilink-user': 'aDa' }, {}, 'user:ada'],
      [web('Cy'), { user_id: 'cY' }, 'user:cy'],
      [web(), { user_id: 'Dan' }, 'user:dan'],
      [web('zo\u00eb'), {}, null],
    ] as const) {
      const made = await start(headers, undefined, more);
      if (user === null) {
        // What is no UTF-8 could be anybody.
        expect(made).toMatchObject({ status: 422, code: 'invalid_request' });
        continue;
      }
      expect(made.status).toBe(202);
      const { body } = await get(`/runs/${made.id}`, tokens.as('web'));
      expect(ownerOf(String(body.session_id))).toBe(user);
    }
    const utf8 = Buffer.from('zoë').toString('latin1');
    const zoe = await start(web(utf8));
    expect((await get(`/runs/${zoe.id}`, web())).body.user_id).toBe('zoë');
    for (const [name, value] of [
      ['x-fermilink-user', ' '],
      ['x-fermilink-user', 'x'.repeat(257)],
    ] as const) {
      expect((await get('/runs', { ...web(), [name]: value })).status).toBe(422);
    }
    const twice = Object.entries(web()).concat([
      ['X-FermiLink-User', 'ada'],
      ['X-FermiLink-User', 'bob'],
    ]);
    expect((await rawAsk(runner, 'GET', '/runs', twice)).status).toBe(422);
    expect((await get('/runs?user_id=ada&user_id=bob', web())).status).toBe(422);
    expect((await get('/runs/x?user_id=ada&user_id=bob', web())).status).toBe(422);
    await idle();
  });

  it('are counted as who they act for', async () => {
    const held = await start(tokens.as('web', 'Eve'), undefined, { user_prompt: 'sleep 60' });
    const seen = await get('/ops/admission?user_id=EVE', tokens.as('web'));
    expect(seen.body).toMatchObject({ user_key: 'user:eve', per_user_active: 1 });
    const own = await get('/ops/admission', ada());
    expect(own.body).toMatchObject({ user_key: 'user:ada', per_user_active: 0 });
    expect((await get('/ops/admission?user_id=eve', ada())).status).toBe(403);
    const { body } = await get(`/runs/${held.id}`, tokens.as('web'));
    const path = `/ops/admission?session_id=${String(body.session_id)}`;
    expect((await get(path, tokens.as('web', 'eve'))).body.can_run_now).toBe(false);
    // Whether it is busy would tell that it is there.
    expect((await get(path, ada())).body.can_run_now).toBe(true);
    await ask(runner, 'POST', `/runs/${held.id}/cancel`, { headers: tokens.as('web') });
  });

  it('are told of their own idle sessions only', async () => {
    const longAgo = new Date(Date.now() - 100 * 86_400_000);
    for (const [session, owner] of Object.entries({ 'idle-1': 'ada', 'idle-2': 'bob' })) {
      mkdirSync(join(runner.workspaces, session));
      utimesSync(join(runner.workspaces, session), longAgo, longAgo);
      writeFileSync(
        join(owners(), `${session}.json`),
        JSON.stringify({ session_id: session, owner: `user:${owner}`, since: '' }),
      );
    }
    const listed = async (headers: Headers) =>
      (await get('/ops/sessions/idle?days=50', headers)).body.sessions.map(
        (it: { session_id: string }) => it.session_id,
      );
    expect(await listed(ada())).toEqual(['idle-1']);
    expect((await listed(tokens.as('web'))).sort()).toEqual(['idle-1', 'idle-2']);
  });

  it('may not take what was there before owners were', async () => {
    mkdirSync(join(runner.workspaces, 'from-before'));
    expect(await start(ada(), 'from-before')).toMatchObject({
      status: 404,
      code: 'session_not_found',
    });
    expect(readdirSync(owners())).not.toContain('from-before.json');
    expect((await start(tokens.as('web', 'ada'), 'from-before')).status).toBe(202);
    expect(ownerOf('from-before')).toBe('user:ada');
    expect((await start(ada(), 'from-before')).status).toBe(202);
    expect((await start(bob(), 'from-before')).status).toBe(404);
    await idle();
  });

  it('are none in a session that belongs to the token that made it', async () => {
    const made = await start(tokens.as('web'), 'of-web');
    expect(ownerOf('of-web')).toBe('token:web');
    expect((await start(ada(), 'of-web')).status).toBe(404);
    expect((await start(tokens.as('web', 'ada'), 'of-web')).status).toBe(404);
    expect((await get(`/runs/${made.id}`, ada())).status).toBe(404);
    expect((await get(`/runs/${made.id}`, tokens.as('other'))).status).toBe(200);
    await idle();
  });

  it('that want one new session at once: one gets it', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `user${at}`);
    const answers = await Promise.all(names.map((name) => start(tokens.as('web', name), 'wanted')));
    const winners = names.filter((_, at) => answers[at]!.status === 202);
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ code }) => code === 'session_not_found')).toHaveLength(11);
    expect(ownerOf('wanted')).toBe(`user:${winners[0]}`);
    expect(readdirSync(owners()).filter((name) => !name.endsWith('.json'))).toEqual([]);
    await idle();
  });

  it('do not join the runs of others by a key', async () => {
    const key = { 'idempotency-key': 'the-same' };
    const starts = await Promise.all([
      start({ ...ada(), ...key }),
      start({ ...bob(), ...key }),
      start({ ...tokens.as('web'), ...key }),
      start({ ...tokens.as('other'), ...key }),
      start({ ...tokens.as('web', 'eve'), ...key }),
    ]);
    expect(new Set(starts.map(({ id }) => id)).size).toBe(5);
    expect((await start({ ...ada(), ...key })).id).toBe(starts[0].id);
    expect((await start({ ...tokens.as('web', 'ada'), ...key })).id).toBe(starts[0].id);
    expect((await start({ ...tokens.as('other'), ...key })).id).toBe(starts[3].id);
    await idle();
  });

  it('keep their runs where the session is removed, until somebody else has one of that id', async () => {
    const made = await start(ada(), 'passing');
    await ended(made.id);
    const removed = await ask(runner, 'DELETE', '/sessions/passing', { headers: ada() });
    expect(removed.status).toBe(204);
    const seen = async (headers: Headers) => (await get(`/runs/${made.id}`, headers)).status;
    const sees = async () => [await seen(ada()), await seen(tokens.as('web', 'ada'))];
    expect(await sees()).toEqual([200, 200]);
    expect((await get('/runs?session_id=passing', ada())).body.runs).toHaveLength(1);
    expect([await seen(bob()), await seen(tokens.as('web', 'bob'))]).toEqual([404, 404]);
    await ended((await start(bob(), 'passing')).id);
    expect([...(await sees()), await seen(bob())]).toEqual([404, 404, 404]);
  });

  it('get pages of their own runs only', async () => {
    const mine: string[] = [];
    for (let at = 0; at < 3; at += 1) {
      mine.unshift((await start(tokens.as('web', 'pat'), `pats-${at}`)).id);
      await start(tokens.as('web', 'quin'), `quins-${at}`);
    }
    // What was done for her before the session was hers, or after it was given away, is not shown.
    writeFileSync(
      join(owners(), 'pats-1.json'),
      JSON.stringify({ session_id: 'pats-1', owner: 'user:quin', since: '' }),
    );
    await idle();
    const next = await runnerOver(tokens);
    try {
      const seen: string[] = [];
      let cursor = '';
      do {
        const path = `/runs?limit=1${cursor && `&cursor=${cursor}`}`;
        const { body } = await ask(next, 'GET', path, { headers: tokens.as('web', 'pat') });
        seen.push(...(body.runs as { run_id: string }[]).map((it) => it.run_id));
        cursor = (body.next_cursor as string | null) ?? '';
      } while (cursor !== '');
      expect(seen).toEqual([mine[0], mine[2]]);
    } finally {
      runner = next;
    }
  });

  async function runnerOver(file: TokensFile): Promise<Runner> {
    await runner.terminate();
    return runner.startNext({ FERMILINK_RUNNER_TOKENS_FILE: file.path });
  }
});

describe('a session whose first run is refused', () => {
  it("is nobody's, and another may have it", async () => {
    const tokens = new TokensFile([{ name: 'web' }]);
    const runner = await Runner.start({
      FERMILINK_RUNNER_TOKENS_FILE: tokens.path,
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1',
      FERMILINK_RUNNER_MAX_QUEUE_SIZE: '1',
    });
    try {
      const gate = new Gate(runner, 'open');
      const start = (user: string, session: string, user_prompt: string) =>
        postRun(runner, { user_prompt, session_id: session }, tokens.as('web', user));
      for (const session of ['a', 'b']) {
        expect((await start('ada', session, gate.wait)).status).toBe(202);
      }
      const full = await start('ada', 'c', 'true');
      expect([full.status, full.body.code]).toEqual([429, 'queue_full']);
      expect(readdirSync(join(runner.runtime, 'owners')).sort()).toEqual(['a.json', 'b.json']);
      gate.open();
      await eventually(
        () => start('bob', 'c', 'true'),
        ({ status }) => status === 202,
      );
    } finally {
      await runner.stop();
    }
  });
});

describe('where nothing is configured', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start();
  });
  afterAll(() => runner.stop());

  it('a user_id keeps nobody out, as it never did; the header does', async () => {
    const start = (user_id: string | undefined, headers: Headers = {}) =>
      postRun(runner, { user_prompt: 'true', session_id: 'shared', user_id }, headers);
    const first = await start('Ada');
    expect(first.status).toBe(202);
    expect((await start('bob')).status).toBe(202);
    expect((await start(undefined)).status).toBe(202);
    const as = (user: string) => ({ 'x-fermilink-user': user });
    expect((await start(undefined, as('bob'))).status).toBe(404);
    expect((await start(undefined, as('ADA'))).status).toBe(202);
    expect((await start('bob', as('ada'))).status).toBe(403);
    await untilIdle(runner);
    const path = `/runs/${first.body.run_id}`;
    const status = async (suffix: string, headers: Headers = {}) =>
      (await ask(runner, 'GET', path + suffix, { headers })).status;
    expect(await status('?user_id=bob')).toBe(200);
    expect(await status('', as('ada'))).toBe(200);
    expect(await status('', as('bob'))).toBe(404);
    const count = async (query: string, headers: Headers = {}) =>
      (await ask(runner, 'GET', `/runs${query}`, { headers })).body.runs.length as number;
    expect([await count(''), await count('?user_id=bob'), await count('', as('bob'))]).toEqual([
      4, 1, 0,
    ]);
  });

  it("a session of no user is everybody's, until somebody is configured", async () => {
    const made = await postRun(runner, { user_prompt: 'true', session_id: 'nobodys' });
    await untilIdle(runner);
    const tokens = new TokensFile([{ name: 'web' }, { name: 'ada', user: 'ada' }]);
    await runner.terminate();
    runner = await runner.startNext({ FERMILINK_RUNNER_TOKENS_FILE: tokens.path });
    const status = async (session: string, headers: Headers) =>
      (await postRun(runner, { user_prompt: 'true', session_id: session }, headers)).status;
    expect(await status('nobodys', tokens.as('ada'))).toBe(404);
    expect(await status('shared', tokens.as('ada'))).toBe(202);
    const { run_id: id } = made.body;
    const run = (headers: Headers) => ask(runner, 'GET', `/runs/${id}`, { headers });
    expect((await run(tokens.as('ada'))).status).toBe(404);
    expect((await run(tokens.as('web'))).status).toBe(200);
    expect(await status('nobodys', tokens.as('web', 'ada'))).toBe(202);
    expect(await status('nobodys', tokens.as('ada'))).toBe(202);
    // It was done for nobody, before the session was hers.
    expect((await run(tokens.as('ada'))).status).toBe(404);
    rmSync(join(runner.runtime, 'owners', 'nobodys.json'));
  });
});

import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../support/processes.js';
import { Runner } from '../support/runner.js';
import { ask, postRun } from '../support/runs.js';
import { StreamClient } from '../support/stream-client.js';
import { ALL_SCOPES, bearer, rawAsk, TokensFile } from '../support/tokens.js';

/** Every route, and the scope that it wants. */
const ROUTES = [
  ['POST', '/run', 'runs:write'],
  ['POST', '/runs', 'runs:write'],
  ['POST', '/runs/x/cancel', 'runs:write'],
  ['GET', '/runs', 'runs:read'],
  ['HEAD', '/runs', 'runs:read'],
  ['GET', '/runs/x', 'runs:read'],
  ['GET', '/runs/x/events', 'runs:read'],
  ['GET', '/ops/concurrency', 'ops:read'],
  ['GET', '/ops/concurrency.prom', 'ops:read'],
  ['GET', '/ops/admission', 'ops:read'],
  ['GET', '/ops/providers', 'ops:read'],
  ['GET', '/metrics', 'ops:read'],
] as const;

describe('tokens', () => {
  let runner: Runner;
  let tokens: TokensFile;
  beforeAll(async () => {
    tokens = new TokensFile([
      { name: 'all' },
      ...ALL_SCOPES.map((scope) => ({ name: scope.replace(':', '-'), scopes: [scope] })),
      { name: 'old', expires_at: '2020-01-01T00:00:00Z' },
      { name: 'none', scopes: [] },
    ]);
    runner = await Runner.start({ FERMILINK_RUNNER_TOKENS_FILE: tokens.path });
  });
  afterAll(() => runner.stop());

  const status = async (method: string, path: string, headers: Record<string, string> = {}) =>
    (await fetch(runner.url + path, { method, headers })).status;

  it.each(ROUTES)('%s %s wants %s, and no other', async (method, path, scope) => {
    expect(await status(method, path)).toBe(401);
    for (const other of ALL_SCOPES) {
      const got = await status(method, path, tokens.as(other.replace(':', '-')));
      if (other === scope) expect([401, 403]).not.toContain(got);
      else expect(got).toBe(403);
    }
  });

  it('refuse by name what is missing', async () => {
    const nobody = await ask(runner, 'GET', '/runs');
    expect(nobody.status).toBe(401);
    expect(nobody.headers.get('www-authenticate')).toBe('Bearer');
    expect(nobody.body).toMatchObject({ code: 'unauthenticated', status: 401 });
    const reader = await postRun(runner, { user_prompt: 'true' }, tokens.as('runs-read'));
    expect(reader.status).toBe(403);
    expect(reader.body.code).toBe('forbidden');
    expect(reader.body.detail).toContain('runs:write');
  });

  it('start and show runs', async () => {
    const headers = tokens.as('all');
    const client = await StreamClient.open(runner, { user_prompt: 'echo hi' }, { headers });
    expect((await client.exit()).reason).toBe('completed');
    const { body } = await ask(runner, 'GET', '/runs', { headers });
    expect(body.runs).toHaveLength(1);
  });

  it.each([
    ['no scheme', ['x']],
    ['another scheme', ['Basic YTpi']],
    ['no token', ['Bearer ']],
    ['a token that nobody has', [`Bearer ${'x'.repeat(43)}`]],
    ['a long one', [`Bearer ${'x'.repeat(10_000)}`]],
    ['one with blanks', ['Bearer a b']],
    ['one with other characters', ['Bearer a"b']],
    ['what looks like a JWT', ['Bearer e30.e30.e30']],
  ])('are not %s', async (_, values) => {
    const headers = values.map((value) => ['Authorization', value] as const);
    const answer = await rawAsk(runner, 'GET', '/runs', headers);
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'unauthenticated' });
  });

  it('come in one header, and not in the query', async () => {
    const token = tokens.tokenOf('all');
    const twice = [`Bearer ${token}`, `Bearer ${token}`].map(
      (value) => ['Authorization', value] as const,
    );
    expect((await rawAsk(runner, 'GET', '/runs', twice)).status).toBe(401);
    expect(await status('GET', `/runs?access_token=${token}`)).toBe(401);
    expect(
      (await rawAsk(runner, 'GET', '/runs', [['authorization', `bearer  ${token}`]])).status,
    ).toBe(200);
  });

  it('that have expired are refused', async () => {
    expect(await status('GET', '/runs', tokens.as('old'))).toBe(401);
    await runner.logged(
      ({ token, reason }) => token === 'token:old' && reason === 'a token that has expired',
    );
  });

  it('are asked for before a body is read, but not where there is no route', async () => {
    const post = (path: string, headers: Record<string, string> = {}) =>
      fetch(runner.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{bad',
      });
    expect((await post('/run')).status).toBe(401);
    expect((await post('/run', tokens.as('all'))).status).toBe(422);
    expect(await status('GET', '/nothing')).toBe(404);
    const wrong = await fetch(`${runner.url}/runs`, { method: 'DELETE' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  });

  it('are not wanted for health and the description', async () => {
    for (const path of ['/health/live', '/health/ready', '/health/startup', '/openapi.json']) {
      expect(await status('GET', path)).toBe(200);
    }
  });

  it('are in no line of the log and in no answer, not in part either', async () => {
    const secret = tokens.tokenOf('none');
    const nobodys = 'Qx7pGz2mNw4kRt9vLb3sHd6yJc8fAe5u';
    const answers = [
      await ask(runner, 'GET', '/runs', { headers: bearer(secret) }),
      await ask(runner, 'GET', '/runs', { headers: bearer(nobodys) }),
      await ask(runner, 'GET', '/runs', { headers: { authorization: `Basic ${nobodys}` } }),
    ];
    expect(answers.map((answer) => answer.status)).toEqual([403, 401, 401]);
    await runner.logged((line) => line.token === 'token:none');
    await runner.logged((line) => line.reason === 'a token that is not known');
    await runner.logged((line) => String(line.reason).includes('without a bearer token'));
    const said = JSON.stringify([runner.logLines, runner.stderr, answers.map(({ body }) => body)]);
    for (const token of [secret, nobodys]) {
      for (let at = 0; at + 8 <= token.length; at += 4) {
        expect(said).not.toContain(token.slice(at, at + 8));
      }
    }
  });
});

describe('a tokens file', () => {
  let runner: Runner;
  afterEach(() => runner.stop());
  const code = async (headers: Record<string, string>) =>
    (await ask(runner, 'GET', '/runs', { headers })).status;

  it('is read anew when another takes its place or it is written over', async () => {
    const tokens = new TokensFile([{ name: 'a' }]);
    runner = await Runner.start({ FERMILINK_RUNNER_TOKENS_FILE: tokens.path });
    expect([await code(tokens.as('a')), await code(tokens.as('b'))]).toEqual([200, 401]);
    tokens.replace([{ name: 'b' }]);
    expect([await code(tokens.as('a')), await code(tokens.as('b'))]).toEqual([401, 200]);
    const text = readFileSync(tokens.path, 'utf8');
    tokens.replace([{ name: 'a' }]);
    expect(await code(tokens.as('b'))).toBe(401);
    writeFileSync(tokens.path, text);
    expect([await code(tokens.as('a')), await code(tokens.as('b'))]).toEqual([401, 200]);
  });

  it('that has become invalid keeps what it said, says so, and is mended', async () => {
    const tokens = new TokensFile([{ name: 'a' }]);
    runner = await Runner.start({ FERMILINK_RUNNER_TOKENS_FILE: tokens.path });
    expect((await fetch(`${runner.url}/health/ready`)).status).toBe(200);
    for (const text of ['{', '{"tokens": [{"name": "x"}]}']) {
      writeFileSync(tokens.path, text);
      expect([await code(tokens.as('a')), await code(tokens.as('x'))]).toEqual([200, 401]);
      const ready = await fetch(`${runner.url}/health/ready`);
      expect(ready.status).toBe(503);
      expect(await ready.text()).toContain('FERMILINK_RUNNER_TOKENS_FILE');
    }
    await runner.logged(({ level, msg }) => level === 'error' && String(msg).includes('JSON'));
    tokens.replace([{ name: 'x' }]);
    expect([await code(tokens.as('a')), await code(tokens.as('x'))]).toEqual([401, 200]);
    expect((await fetch(`${runner.url}/health/ready`)).status).toBe(200);
  });

  it('that others can write is warned of', async () => {
    const tokens = new TokensFile([{ name: 'a' }]);
    chmodSync(tokens.path, 0o622);
    runner = await Runner.start({ FERMILINK_RUNNER_TOKENS_FILE: tokens.path });
    await code(tokens.as('a'));
    await runner.logged(({ level, msg }) => level === 'warn' && String(msg).includes('chmod 600'));
  });
});

describe('the metrics token', () => {
  let runner: Runner;
  let tokens: TokensFile;
  beforeAll(async () => {
    tokens = new TokensFile([
      { name: 'ops', scopes: ['ops:read'] },
      { name: 'runs', scopes: ['runs:read'] },
    ]);
    runner = await Runner.start({
      FERMILINK_RUNNER_TOKENS_FILE: tokens.path,
      FERMILINK_RUNNER_METRICS_TOKEN: 'm3trics-s3cret',
    });
  });
  afterAll(() => runner.stop());

  it.each(['/ops/admission?user_id=ada', '/ops/concurrency', '/ops/sessions/idle', '/metrics'])(
    'opens %s beside a token, with the answers of the reference',
    async (path) => {
      const get = async (headers: Record<string, string>) => {
        const answer = await fetch(runner.url + path, { headers });
        const body = answer.status === 200 ? '' : ((await answer.json()) as { code: string }).code;
        return [answer.status, body];
      };
      const metrics = (token: string) => ({ 'x-runner-metrics-token': token });
      expect(await get({})).toEqual([401, 'metrics_token_missing']);
      expect(await get(metrics('guess'))).toEqual([403, 'metrics_token_invalid']);
      expect(await get(metrics('m3trics-s3cret'))).toEqual([200, '']);
      expect(await get(tokens.as('ops'))).toEqual([200, '']);
      expect(await get(tokens.as('runs'))).toEqual([403, 'forbidden']);
      expect(await get({ ...tokens.as('runs'), ...metrics('m3trics-s3cret') })).toEqual([200, '']);
    },
  );

  it('opens nothing else', async () => {
    const headers = { 'x-runner-metrics-token': 'm3trics-s3cret' };
    expect((await ask(runner, 'GET', '/runs', { headers })).status).toBe(401);
  });
});

describe('the command that makes tokens', () => {
  it('makes one that a running server accepts, and one that it refuses again', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'fermilink-tokens-')), 'tokens.json');
    const { tokenCommand } = await import('../../src/identity/token-command.js');
    const said: string[] = [];
    const command = (...args: string[]) =>
      tokenCommand(args, {
        defaultFile: path,
        out: (text) => said.push(text),
        note: () => undefined,
      });
    expect(await command('--name', 'first', '--scopes', 'runs:read')).toBe(0);
    const runner = await Runner.start({ FERMILINK_RUNNER_TOKENS_FILE: path });
    try {
      expect(
        await command('--name', 'ada', '--scopes', 'runs:read,runs:write', '--user', 'Ada'),
      ).toBe(0);
      const headers = bearer(said[1]!);
      const made = await postRun(runner, { user_prompt: 'true' }, headers);
      expect(made.status).toBe(202);
      const run = await ask(runner, 'GET', `/runs/${made.body.run_id}`, { headers });
      expect(run.body.user_id).toBe('Ada');
      expect(await command('--remove', 'ada')).toBe(0);
      expect((await ask(runner, 'GET', '/runs', { headers })).status).toBe(401);
      await eventually(
        () => ask(runner, 'GET', '/runs', { headers: bearer(said[0]!) }),
        ({ body }) => body.runs.every((it: { ended_at: string | null }) => it.ended_at !== null),
      );
    } finally {
      await runner.stop();
    }
  });
});

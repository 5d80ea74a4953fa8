import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/processes.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { ask, getRun, startRun, untilEnded } from '../support/runs.js';

const ADMIN = { authorization: 'Bearer the-token-of-the-administrator' };
const READER = { authorization: 'Bearer the-token-of-an-operator' };
const POLICY = {
  provider: 'codex',
  sandbox_policy: 'enforce',
  sandbox_mode: 'read-only',
  model: 'm',
  reasoning_effort: 'high',
};

/** Writes a tokens file; gives the variables of a server that knows it. */
function tokensIn(folder: string): Record<string, string> {
  const file = join(folder, 'tokens.json');
  const token = (name: string, { authorization }: { authorization: string }, scopes: string[]) => ({
    name,
    sha256: createHash('sha256').update(authorization.slice('Bearer '.length)).digest('hex'),
    scopes,
  });
  const tokens = [
    token('admin', ADMIN, ['ops:read', 'policy:write', 'runs:write', 'runs:read']),
    token('operator', READER, ['ops:read']),
  ];
  writeFileSync(file, JSON.stringify({ tokens }), { mode: 0o600 });
  return { FERMILINK_RUNNER_TOKENS_FILE: file };
}

describe('the policy over HTTP', () => {
  let runner: Runner;
  let env: Record<string, string>;
  const file = () => join(runner.home, 'fermilink', 'agent_runtime.json');
  const get = (headers: Record<string, string> = READER) =>
    ask(runner, 'GET', '/policy', { headers });
  const put = (body: unknown, headers: Record<string, string> = ADMIN) =>
    ask(runner, 'PUT', '/policy', { body, headers });

  beforeAll(async () => {
    const home = temporaryFolder();
    env = tokensIn(home);
    runner = await Runner.start(env, home);
  });
  afterAll(() => runner.stop());

  it('is read, replaced, and holds from the next run on', async () => {
    const before = await get();
    expect(before).toMatchObject({
      status: 200,
      body: { stored: null, effective: { sandbox_mode: 'workspace-write' }, problem: null },
    });
    const tag = before.headers.get('etag')!;
    const changed = await put(POLICY, { ...ADMIN, 'if-match': tag });
    expect(changed.status).toBe(200);
    expect(changed.body).toEqual({
      stored: POLICY,
      effective: POLICY,
      overridden_by_environment: [],
      updated_at: expect.any(String),
      problem: null,
    });
    expect((await get()).body).toEqual(changed.body);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ version: 1, ...POLICY });
    const id = String(
      (await ask(runner, 'POST', '/runs', { body: { user_prompt: 'true' }, headers: ADMIN })).body
        .run_id,
    );
    const run = await eventually(
      async () => (await ask(runner, 'GET', `/runs/${id}`, { headers: ADMIN })).body,
      (it) => it.ended_at !== null,
    );
    expect(run.agent).toMatchObject({ sandbox_mode: 'read-only', model: 'm' });
    const line = await runner.logged(({ msg }) => msg === 'the policy was changed');
    expect(line).toMatchObject({ by: 'token:admin', from: null, to: POLICY });
    expect(line.changed).toEqual(Object.keys(POLICY));
  });

  it('is not replaced over what somebody else has changed', async () => {
    const tag = (await get()).headers.get('etag')!;
    expect((await put({ ...POLICY, model: 'theirs' })).status).toBe(200);
    const late = await put({ ...POLICY, model: 'mine' }, { ...ADMIN, 'if-match': tag });
    expect(late).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
    expect((await get()).body.stored.model).toBe('theirs');
  });

  it('is not sent again to whom has it', async () => {
    const tag = (await get()).headers.get('etag')!;
    // Without the last one, fetch asks for a fresh answer.
    const having = (it: string) => ({ 'if-none-match': it, 'cache-control': 'max-age=0' });
    expect(await get({ ...READER, ...having(tag) })).toMatchObject({ status: 304, body: null });
    expect((await get({ ...READER, ...having('"other"') })).status).toBe(200);
  });

  it('is changed by nobody without the scope, and refused without a trace', async () => {
    const before = readFileSync(file(), 'utf8');
    expect(await put(POLICY, READER)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect(await put(POLICY, {})).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect((await get({})).status).toBe(401);
    expect(readFileSync(file(), 'utf8')).toBe(before);
  });

  it.each([
    ['a provider that is not there', { ...POLICY, provider: 'claude' }, ['provider']],
    ['a provider that nobody knows', { ...POLICY, provider: 'x' }, ['provider']],
    ['a member too many', { ...POLICY, more: 1 }, ['more']],
    ['members that are missing', { provider: 'codex' }, Object.keys(POLICY).slice(1)],
    ['no object', [], ['body']],
    ['null', null, ['body']],
  ])('refuses %s', async (_what, body, fields) => {
    const before = readFileSync(file(), 'utf8');
    const answer = await put(body);
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_request' } });
    expect(answer.body.errors.map(({ field }: { field: string }) => field)).toEqual(fields);
    expect(readFileSync(file(), 'utf8')).toBe(before);
  });

  it('is shown as broken where it is, and mended', async () => {
    writeFileSync(file(), '{"sandbox_mode": "anything", "theirs": 1}');
    const broken = await get();
    expect(broken.body).toMatchObject({ stored: null, effective: { sandbox_mode: 'read-only' } });
    expect(broken.body.problem).toContain('"sandbox_mode" must be one of');
    expect((await put(POLICY)).body).toMatchObject({ stored: POLICY, problem: null });
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ theirs: 1 });
  });

  it('of many changes at once is one of them, whole', async () => {
    const models = Array.from({ length: 12 }, (_, index) => `m${index}`);
    const answers = await Promise.all(models.map((model) => put({ ...POLICY, model })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    answers.forEach(({ body }, index) => expect(body.stored.model).toBe(models[index]));
    expect(models).toContain(JSON.parse(readFileSync(file(), 'utf8')).model);
  });

  it('says what the environment decides', async () => {
    await runner.terminate();
    runner = await runner.startNext({ FERMILINK_AGENT_SANDBOX_MODE: 'read-only' });
    const { body } = await put({ ...POLICY, sandbox_mode: 'workspace-write' });
    expect(body).toMatchObject({
      stored: { sandbox_mode: 'workspace-write' },
      effective: { sandbox_mode: 'read-only' },
      overridden_by_environment: ['sandbox_mode'],
    });
  });
});

describe('the policy of a server that knows nobody', () => {
  it('can be read, and changed by no agent', async () => {
    const runner = await Runner.start();
    expect((await ask(runner, 'GET', '/policy')).status).toBe(200);
    const answer = await ask(runner, 'PUT', '/policy', { body: POLICY });
    expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    const curl = `curl -s -o /dev/null -w '%{http_code}' -X PUT -H 'content-type: application/json' -d '${JSON.stringify(POLICY)}' ${runner.url}/policy`;
    const id = await startRun(runner, { user_prompt: `echo "status $(${curl})"` });
    await untilEnded(runner, id);
    const events = await (await fetch(`${runner.url}/runs/${id}/events`)).text();
    expect(events).toContain('status 403');
    expect((await getRun(runner, id)).state).toBe('completed');
    expect(existsSync(join(runner.home, 'fermilink', 'agent_runtime.json'))).toBe(false);
    await runner.stop();
  });
});

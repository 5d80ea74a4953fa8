import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

describe('POST /run on the wire', () => {
  let runner: Runner;
  beforeAll(async () => (runner = await Runner.start()));
  afterAll(() => runner.stop());

  const run = (script: string, more: object = {}) =>
    StreamClient.open(runner, { user_prompt: script, ...more });

  it('sends meta, agent, log and runner.exit in this order, numbered from 1', async () => {
    const client = await run(`echo '{"type":"a"}'; echo plain; echo oops >&2`, {
      session_id: 'wire-1',
      user_id: ' Ada ',
    });
    expect(client.status).toBe(200);
    expect(client.response.headers['content-type']).toBe('text/event-stream');
    expect(client.response.headers['cache-control']).toContain('no-cache');
    expect(client.response.headers['x-accel-buffering']).toBe('no');
    const events = await client.all();
    expect(events[0]?.event).toBe('meta');
    expect(events.at(-1)?.event).toBe('runner.exit');
    expect(events.map(({ id }) => Number(id))).toEqual(events.map((_, index) => index + 1));
    expect(JSON.parse(events[0]!.data)).toMatchObject({
      session_id: 'wire-1',
      agent: {
        provider: 'codex',
        sandbox_policy: 'enforce',
        sandbox_mode: 'workspace-write',
        model: null,
        reasoning_effort: null,
      },
    });
    expect(JSON.parse(events[0]!.data)).not.toHaveProperty('package');
    const agent = events.filter(({ event }) => event === 'agent').map(({ data }) => data);
    expect(agent).toEqual(['{"type":"a"}', 'plain']);
    expect(events.filter(({ event }) => event === 'log').map(({ data }) => data)).toEqual([
      '{"text":"oops"}',
    ]);
    expect(await client.exit()).toEqual({
      run_id: JSON.parse(events[0]!.data).run_id,
      session_id: 'wire-1',
      reason: 'completed',
      return_code: 0,
      code: null,
      detail: null,
      killed: false,
      survivors: 0,
      // It is no codex that writes these lines.
      outcome: 'failed',
      error: { code: 'agent_crashed', message: expect.stringContaining('status 0') },
      result_text: null,
      files: {
        created: [],
        modified: [],
        deleted: [],
        total: { created: 0, modified: 0, deleted: 0 },
      },
      usage: {
        input_tokens: null,
        cached_tokens: null,
        output_tokens: null,
        cost_usd: null,
        turns: null,
        tool_calls: 0,
      },
    });
  });

  it('gives a fresh session id of 32 hex digits where the request has none or an empty one', async () => {
    for (const session_id of [undefined, null, '']) {
      const client = await run('true', { session_id });
      expect((await client.exit()).session_id).toMatch(/^[0-9a-f]{32}$/);
    }
  });

  it.each([
    ['exit 3', 3],
    ['kill -TERM $$', -15],
    ['kill -KILL $$', -9],
  ])('reports how the agent ended: %s', async (script, returnCode) => {
    expect(await (await run(script)).exit()).toMatchObject({
      reason: 'completed',
      return_code: returnCode,
    });
  });

  it('counts a last line without a newline, strips CRLF and skips empty lines', async () => {
    const client = await run(`printf 'one\\r\\n\\n\\r\\n   \\nlast'`);
    const agent = (await client.all()).filter(({ event }) => event === 'agent');
    expect(agent.map(({ data }) => data)).toEqual(['one', '   ', 'last']);
  });

  it('lets no byte of an agent end a line, forge a frame or damage the stream', async () => {
    const forged = 'event: runner.exit\\rdata: {}\\r\\r';
    const breakers = '\\013\\014\\034\\035\\036\\302\\205\\342\\200\\250\\342\\200\\251';
    const client = await StreamClient.open(
      runner,
      {
        user_prompt:
          `printf 'x\\r${forged}y${breakers}z\\n'; printf '{"a":"\\r${breakers}"}\\n'; ` +
          `printf 'bad \\377\\300 utf8 \\000 nul\\n'; printf 'e\\r${breakers}\\n' >&2`,
      },
      { keepBytes: true },
    );
    const events = await client.all();
    const text = Buffer.concat(client.chunks).toString('utf8');
    expect(text).not.toMatch(/[\r\v\f\x1c-\x1e\x85\u2028\u2029]/);
    const agent = events.filter(({ event }) => event === 'agent').map(({ data }) => data);
    expect(agent).toEqual([
      'x event: runner.exit data: {}  y        z',
      '{"a":" \\u000b\\u000c\\u001c\\u001d\\u001e\\u0085\\u2028\\u2029"}',
      'bad \ufffd\ufffd utf8 \0 nul',
    ]);
    const log = events.find(({ event }) => event === 'log');
    expect(JSON.parse(log!.data)).toEqual({ text: 'e\r\v\f\x1c\x1d\x1e\x85\u2028\u2029' });
    expect(events.filter(({ event }) => event === 'runner.exit')).toHaveLength(1);
  });

  it('hands the prompt over on stdin, which is then closed, and starts in repo/', async () => {
    const client = await run(
      `printf '%s\\n' "$#" "$(pwd)"; if read -r line; then echo open; else echo closed; fi`,
      { session_id: 'wire-stdin' },
    );
    const agent = (await client.all()).filter(({ event }) => event === 'agent');
    expect(agent[1]?.data).toBe(runner.repo('wire-stdin'));
    expect(agent[2]?.data).toBe('closed');
    const memory = readFileSync(join(runner.repo('wire-stdin'), 'projects', 'memory.md'), 'utf8');
    expect(memory).toContain('# FermiLink Unified Memory');
    expect(memory).toContain('- schema_version: 1');
  });

  it('hands on none of its own environment but what is allowed', async () => {
    const secretive = await Runner.start({
      AWS_SECRET_ACCESS_KEY: 'hidden-1',
      ANTHROPIC_API_KEY: 'hidden-2',
      FERMILINK_RUNNER_METRICS_TOKEN: 'hidden-3',
      OPENAI_API_KEY: 'for-codex',
      EXTRA: 'passed',
      FERMILINK_AGENT_ENV_PASSTHROUGH: 'EXTRA',
      // What the agent has is to be seen here.
      FERMILINK_RUNNER_REDACT: 'off',
    });
    try {
      const client = await StreamClient.open(secretive, {
        user_prompt: 'env | sort; echo $TMPDIR',
      });
      const text = (await client.all()).map(({ data }) => data).join('\n');
      expect(text).not.toContain('hidden-');
      expect(text).toContain('OPENAI_API_KEY=for-codex');
      expect(text).toContain('EXTRA=passed');
      expect(text).toContain('FERMILINK_RUN_COOKIE=');
    } finally {
      await secretive.stop();
    }
  });

  it.each<[string, unknown, number, string, string[]]>([
    ['no prompt', {}, 422, 'invalid_request', ['user_prompt']],
    ['an empty prompt', { user_prompt: '' }, 422, 'invalid_request', ['user_prompt']],
    ['a null prompt', { user_prompt: null }, 422, 'invalid_request', ['user_prompt']],
    [
      'a number',
      { user_prompt: 1, user_id: 2 },
      422,
      'invalid_request',
      ['user_prompt', 'user_id'],
    ],
    ['a NUL', { user_prompt: 'a\0b' }, 422, 'invalid_request', ['user_prompt']],
    ['a lone surrogate', '{"user_prompt":"\\ud800"}', 422, 'invalid_request', ['user_prompt']],
    ['bad JSON', '{"user_prompt":', 422, 'invalid_request', ['body']],
    ['no object', '[]', 422, 'invalid_request', ['body']],
    ['a JSON string', '"x"', 422, 'invalid_request', ['body']],
    [
      'traversal',
      { user_prompt: 'x', session_id: '../../x' },
      422,
      'invalid_request',
      ['session_id'],
    ],
    ['a dot', { user_prompt: 'x', session_id: '.x' }, 422, 'invalid_request', ['session_id']],
    [
      'a long id',
      { user_prompt: 'x', session_id: 'a'.repeat(129) },
      422,
      'invalid_request',
      ['session_id'],
    ],
    [
      'a long user',
      { user_prompt: 'x', user_id: 'a'.repeat(257) },
      422,
      'invalid_request',
      ['user_id'],
    ],
    [
      'a control character',
      { user_prompt: 'x', user_id: 'a\nb' },
      422,
      'invalid_request',
      ['user_id'],
    ],
    ['a long prompt', { user_prompt: 'x'.repeat(10_001) }, 413, 'prompt_too_long', []],
    ['a long prompt of emoji', { user_prompt: '🙂'.repeat(10_001) }, 413, 'prompt_too_long', []],
    ['an unknown package', { user_prompt: 'x', package_id: 'Nope' }, 400, 'package_not_found', []],
    [
      'a very long package id',
      { user_prompt: 'x', package_id: 'a'.repeat(300) },
      400,
      'package_not_found',
      [],
    ],
    [
      'wishes that are no text',
      { user_prompt: 'x', sandbox: 1, provider: [] },
      422,
      'invalid_request',
      ['sandbox', 'provider'],
    ],
    ['a huge body', { user_prompt: 'x', junk: 'x'.repeat(1 << 20) }, 413, 'body_too_large', []],
  ])('refuses %s', async (_name, body, status, code, fields) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const client = await StreamClient.open(runner, text);
    const problem = await client.json();
    expect(client.status).toBe(status);
    expect(client.response.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(problem).toMatchObject({ status, code, detail: expect.any(String) });
    const named = (problem.errors as { field: string }[] | undefined) ?? [];
    expect(named.map(({ field }) => field)).toEqual(fields);
    expect(JSON.stringify(problem)).not.toContain(runner.home);
  });

  it('says exactly what the platform shows to its users', async () => {
    const tooLong = await StreamClient.open(runner, { user_prompt: 'x'.repeat(10_001) });
    expect((await tooLong.json()).detail).toBe('Prompt too long.');
    const unknown = await StreamClient.open(runner, { user_prompt: 'x', package_id: 'Nope' });
    expect((await unknown.json()).detail).toBe('Requested package not found: Nope');
  });

  it('accepts 10,000 emoji, unknown fields, blank options and a prompt of blanks', async () => {
    const emoji = await run(`echo ok # ${'🙂'.repeat(9_990)}`, {
      unknown: [1],
      user_id: ' ',
      package_id: '',
      sandbox: '  ',
      provider: '',
    });
    expect(await emoji.exit()).toMatchObject({ reason: 'completed', return_code: 0 });
    expect(await (await run('   ')).exit()).toMatchObject({ return_code: 0 });
  });

  it('answers another content type with 422, unknown paths with 404, other methods with 405', async () => {
    const answer = async (path: string, init: RequestInit) => {
      const response = await fetch(runner.url + path, init);
      return [
        response.status,
        ((await response.json()) as { code: string }).code,
        response.headers,
      ];
    };
    const body = '{"user_prompt":"x"}';
    const type = { 'content-type': 'text/plain' };
    expect((await answer('/run', { method: 'POST', body, headers: type })).slice(0, 2)).toEqual([
      422,
      'invalid_request',
    ]);
    expect((await answer('/nothing', {})).slice(0, 2)).toEqual([404, 'not_found']);
    const [status, code, headers] = await answer('/run', {});
    expect([status, code]).toEqual([405, 'method_not_allowed']);
    expect((headers as Headers).get('allow')).toBe('POST');
    const wrong = await answer('/ops/concurrency', { method: 'DELETE' });
    expect(wrong.slice(0, 2)).toEqual([405, 'method_not_allowed']);
    expect((wrong[2] as Headers).get('allow')).toBe('GET, HEAD');
  });

  it.each<[string, string, number, string, string | null]>([
    ['POST', '/nothing', 404, 'not_found', null],
    ['PUT', '/run', 405, 'method_not_allowed', 'POST'],
    ['POST', '/health/live', 405, 'method_not_allowed', 'GET, HEAD'],
    ['POST', '/run/%ff', 404, 'not_found', null],
    ['POST', '/run', 422, 'invalid_request', null],
  ])('looks at %s %s before it minds a bad body', async (method, path, status, code, allow) => {
    const type = { 'content-type': 'application/json' };
    for (const body of ['{bad', JSON.stringify('x'.repeat(1 << 20))]) {
      const response = await fetch(runner.url + path, { method, body, headers: type });
      const isTooLarge = status === 422 && body.length > 1 << 20;
      expect(await response.json()).toMatchObject(
        isTooLarge ? { status: 413, code: 'body_too_large' } : { status, code },
      );
      expect(response.headers.get('allow')).toBe(allow);
    }
  });

  it('blames the body only for what is wrong with the body', async () => {
    const post = async (headers: Record<string, string>) => {
      const response = await fetch(`${runner.url}/run`, {
        method: 'POST',
        body: '{"user_prompt":"x"}',
        headers: { 'content-type': 'application/json', ...headers },
      });
      return (await response.json()) as { code: string; detail: string };
    };
    const charset = { 'content-type': 'application/json; charset=latin1' };
    for (const headers of [charset, { 'content-encoding': 'zip' }]) {
      expect(await post(headers)).toMatchObject({
        code: 'invalid_request',
        detail: 'The body could not be read as JSON in UTF-8.',
      });
    }
  });

  it('finds nothing at a path that cannot be decoded', async () => {
    for (const path of ['/%ff', '/run%', '/runs/%ff', '/ops/%c0%80']) {
      const response = await fetch(runner.url + path);
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
        404,
        'not_found',
      ]);
    }
  });

  it('narrows the sandbox where asked and ignores other wishes', async () => {
    const modeOf = async (more: object) => {
      const [meta] = await (await run('true', more)).all();
      return JSON.parse(meta!.data).agent;
    };
    expect((await modeOf({ sandbox: ' Read-Only ' })).sandbox_mode).toBe('read-only');
    expect((await modeOf({ sandbox: 'danger-full-access' })).sandbox_mode).toBe('workspace-write');
    expect((await modeOf({ provider: 'claude' })).provider).toBe('codex');
    const nul = await modeOf({ sandbox: 'read-only\0', provider: '\0' });
    expect([nul.sandbox_mode, nul.provider]).toEqual(['workspace-write', 'codex']);
  });

  it('keeps idle connections for 75 s', async () => {
    const response = await fetch(`${runner.url}/health/live`);
    expect(response.headers.get('keep-alive')).toBe('timeout=75');
    await response.arrayBuffer();
  });

  it('serves two runs, one after the other, on one connection', async () => {
    const { Agent } = await import('node:http');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const post = () =>
      new Promise<string>((resolve, reject) => {
        const outgoing = request(
          `${runner.url}/run`,
          { method: 'POST', agent, headers: { 'content-type': 'application/json' } },
          (response) => {
            let text = '';
            response.on('data', (chunk: Buffer) => (text += chunk.toString()));
            response.on('end', () => resolve(text));
          },
        );
        outgoing.on('error', reject);
        outgoing.end('{"user_prompt":"echo hello"}');
      });
    expect(await post()).toContain('runner.exit');
    expect(await post()).toContain('runner.exit');
    agent.destroy();
  });

  it('logs one JSON object a line with run, session and user, and never the prompt', async () => {
    const client = await run('echo very-secret-prompt', { session_id: 'log-1', user_id: 'ada' });
    const { run_id } = await client.exit();
    await runner.logged((line) => line.run === run_id && line.msg === 'run ended');
    const lines = runner.logLines.filter((line) => line.run === run_id);
    expect(lines.length).toBeGreaterThanOrEqual(3);
    for (const line of lines) expect(line).toMatchObject({ session: 'log-1', user: 'ada' });
    expect(JSON.stringify(runner.logLines)).not.toContain('very-secret-prompt');
  });
});

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT, Runner, temporaryFolder } from '../support/runner.js';
import { Gate, startRun, untilEnded } from '../support/runs.js';
import { StreamClient } from '../support/stream-client.js';

const KIB = 1024;
const MAX_LINE_BYTES = 256 * KIB;
const KEY = 'sk-proj-4fQ9xLm2VtRb7';
const PEM_LINES = ['MIIEvQIBADANBgkqhkiG9w0B', 'AQEFAASCBKcwggSjAgEAAoIB', 'AQC7VJTUt9Us8cKj'];
const QUOTED = 'say "hush\\hush" twice';
/** What no client and no log may show. */
const SECRETS = {
  OPENAI_API_KEY: KEY,
  FERMILINK_CODEX_API_KEY: 'configured-for-codex',
  FERMILINK_RUNNER_METRICS_TOKEN: 'metrics-are-for-few',
  GITHUB_TOKEN: 'ghp_0aZ9yX8wV7uT6',
  SIGNING_KEY: ['-----BEGIN KEY-----', ...PEM_LINES, '-----END KEY-----'].join('\n'),
  DB_PASSWORD: QUOTED,
  HTTPS_PROXY: 'http://ada:pass%40word@proxy.example:3128',
};
const VALUES = [
  ...Object.values(SECRETS).filter((it) => it !== SECRETS.SIGNING_KEY && !it.startsWith('http')),
  ...PEM_LINES,
  'pass%40word',
];

const ENVIRONMENT = {
  ...SECRETS,
  FERMILINK_AGENT_ENV_PASSTHROUGH: 'SIGNING_KEY,DB_PASSWORD',
  FERMILINK_RUNNER_MAX_LINE_BYTES: String(MAX_LINE_BYTES),
};

const x = (bytes: number) => `head -c ${bytes} /dev/zero | tr '\\0' x`;

describe('secrets in what an agent writes', () => {
  let runner: Runner;
  beforeAll(async () => (runner = await Runner.start(ENVIRONMENT)));
  afterAll(() => runner.stop());

  const run = (script: string, more: object = {}) =>
    StreamClient.open(runner, { user_prompt: script, ...more });
  const agentLines = async (script: string) => {
    const client = await run(script);
    expect(await client.exit()).toMatchObject({ reason: 'completed' });
    return client.dataOf('agent');
  };

  it('are replaced on both pipes, and in what is kept of them', async () => {
    const client = await run(
      `for pipe in 1 2; do printf '%s\\n' "$OPENAI_API_KEY" "{\\"key\\": \\"$CODEX_API_KEY\\"}" "$DB_PASSWORD" >&$pipe; done; ` +
        `printf '\\377 %s\\n' "$OPENAI_API_KEY" >&2`,
    );
    expect(await client.exit()).toMatchObject({ reason: 'completed' });
    const lines = ['[redacted]', '{"key": "[redacted]"}', '[redacted]'];
    expect(client.dataOf('agent')).toEqual(lines);
    expect(client.dataOf('log').map((data) => JSON.parse(data).text)).toEqual([
      ...lines,
      '\ufffd [redacted]',
    ]);
    const id = String(client.response.headers.location).slice('/runs/'.length);
    const kept = await StreamClient.follow(runner, id);
    expect(await kept.all()).toEqual(client.events);
  });

  it('are replaced where an agent shows all of its environment, and of its server', async () => {
    const client = await run(
      `env; tr '\\0' '\\n' < /proc/$PPID/environ; env | sed 's/"/\\\\"/g' >&2`,
    );
    const events = await client.all();
    const text = events.map(({ data }) => data).join('\n');
    for (const value of VALUES) expect(text).not.toContain(value);
    expect(text).toContain('HTTPS_PROXY=http://ada:[redacted]@proxy.example:3128');
    expect(text).toContain('GITHUB_TOKEN=[redacted]');
    // And nothing else.
    expect(text).toContain(`HOME=${runner.home}`);
    expect(text).toContain('-----BEGIN KEY-----');
  });

  it('are replaced in JSON, also with their line breaks', async () => {
    const [whole, inner] = await agentLines(
      `printf '%s' "$SIGNING_KEY" | sed ':a;N;$!ba;s/\\n/\\\\n/g;s/.*/{"key":"&"}/'; echo; ` +
        `printf '{"text":"%s"}' "$DB_PASSWORD" | sed 's/"hush/\\\\"hush/;s/h\\\\h/h\\\\\\\\h/;s/hush" t/hush\\\\" t/'`,
    );
    expect(whole).toBe('{"key":"[redacted]"}');
    expect(inner).toBe('{"text":"[redacted]"}');
  });

  it('are found where an agent writes them in two, with a pause', async () => {
    const gate = new Gate(runner, 'two-writes');
    const client = await run(
      `printf 'key: %s' "\${OPENAI_API_KEY%?????????}"; echo halfway >&2; ${gate.wait}; ` +
        `printf '%s!\\n' "\${OPENAI_API_KEY#????????????}"`,
    );
    await client.waitFor(({ data }) => data === '{"text":"halfway"}');
    expect(client.dataOf('agent')).toEqual([]);
    gate.open();
    expect(await client.exit()).toMatchObject({ reason: 'completed' });
    expect(client.dataOf('agent')).toEqual(['key: [redacted]!']);
  });

  it('are found wherever a read of the pipe may end', async () => {
    // One byte further each time, around the sizes in which a pipe is read.
    const before = Array.from({ length: KEY.length + 1 }, (_, index) => 64 * KIB - index);
    const lines = await agentLines(
      before
        .map((bytes) => `${x(bytes)}; printf '%s' "$OPENAI_API_KEY"; ${x(70_000)}; echo`)
        .join('\n'),
    );
    expect(lines).toHaveLength(before.length);
    lines.forEach((line, index) => {
      expect(line.indexOf('[redacted]')).toBe(before[index]);
      expect(line.replace('[redacted]', '')).toMatch(/^x+$/);
    });
  });

  it('leave no beginning where a line is cut', async () => {
    const cutAt = [7, 8, KEY.length - 1, KEY.length];
    const client = await run(
      cutAt
        .map((kept) => `${x(MAX_LINE_BYTES - kept)}; printf '%s and more\\n' "$OPENAI_API_KEY"`)
        .join('\n'),
    );
    const ends = (await client.all())
      .filter(({ event }) => event === 'agent')
      .map(({ data }) => data.replace(/^x+/, ''));
    expect(ends).toEqual([KEY.slice(0, 7), '[redacted]', '[redacted]', '[redacted]']);
    expect(client.dataOf('log')).toHaveLength(cutAt.length);
  });

  it('leave no beginning where the agent has ended in the middle', async () => {
    const client = await run(
      `printf 'it is %s' "\${OPENAI_API_KEY%?}"; printf 'or %s' "\${OPENAI_API_KEY%?}" >&2; kill -9 $$`,
    );
    expect(await client.exit()).toMatchObject({ reason: 'completed', return_code: -9 });
    expect(client.dataOf('agent')).toEqual(['it is [redacted]']);
    expect(client.dataOf('log')).toEqual(['{"text":"or [redacted]"}']);
  });

  it('may be all that an agent writes', async () => {
    const lines = await agentLines(
      `yes "$OPENAI_API_KEY" | head -n 200000; yes "$OPENAI_API_KEY" | head -n 10000 | tr '\\n' ' '`,
    );
    expect(lines).toHaveLength(200_001);
    expect(lines.slice(0, -1).every((line) => line === '[redacted]')).toBe(true);
    expect(lines.at(-1)).toBe('[redacted] '.repeat(10_000));
  });

  it('are replaced in what the server says itself', async () => {
    const id = await startRun(runner, {
      user_prompt: 'true',
      session_id: SECRETS.FERMILINK_RUNNER_METRICS_TOKEN,
    });
    await untilEnded(runner, id);
    await runner.logged((line) => line.run === id && line.msg === 'run ended');
    const said = runner.logLines.filter((line) => line.run === id);
    expect(said.map(({ session }) => session)).toEqual(said.map(() => '[redacted]'));
  });
});

it('a secret is not put together in the result of which its agent has said the parts', async () => {
  const SHELL_AGENT = join(PROJECT, 'test', 'support', 'shell-agent.sh');
  const gemini = { FERMILINK_AGENT_PROVIDER: 'gemini', FERMILINK_GEMINI_BIN: SHELL_AGENT };
  const runner = await Runner.start({ ...gemini, GEMINI_API_KEY: KEY });
  const piece = (content: string) =>
    JSON.stringify({ type: 'message', role: 'assistant', delta: true, content });
  const error = { type: 'error', message: `The key ${KEY} is bad.`, severity: 'error' };
  // With an escape that no encoder of JSON would choose, and every one reads.
  const lines = [piece(KEY.slice(0, 9)), piece(KEY.slice(9)), JSON.stringify(error)].join('\n');
  const script = `cat <<'END'\n${lines.replaceAll('-', '\\u002d')}\nEND\nexit 1`;
  const client = await StreamClient.open(runner, { user_prompt: script });
  expect(await client.exit()).toMatchObject({
    outcome: 'failed',
    result_text: '[redacted]',
    error: { message: 'The key [redacted] is bad.' },
  });
  await runner.stop();
});

it('the keys in the login and the settings of a CLI are replaced too', async () => {
  const home = temporaryFolder();
  mkdirSync(join(home, '.codex'));
  const login = { tokens: { access_token: 'access-of-ada', account_id: 'account-of-ada' } };
  writeFileSync(join(home, '.codex', 'auth.json'), JSON.stringify(login));
  writeFileSync(join(home, '.codex', 'config.toml'), 'bearer_token = "bearer-of-ada"\n');
  const runner = await Runner.start({}, home);
  const client = await StreamClient.open(runner, {
    user_prompt: 'cat "$CODEX_HOME/auth.json"; echo; cat "$CODEX_HOME/config.toml"',
  });
  expect(await client.exit()).toMatchObject({ return_code: 0 });
  expect(client.dataOf('agent')).toEqual([
    '{"tokens":{"access_token":"[redacted]","account_id":"account-of-ada"}}',
    'bearer_token = "[redacted]"',
  ]);
  await runner.stop();
});

it('an end that names a secret does not show it', async () => {
  const token = 'token-for-the-models';
  const home = temporaryFolder();
  mkdirSync(join(home, 'fermilink'));
  // Whoever edits by hand pastes into the wrong line.
  writeFileSync(join(home, 'fermilink', 'agent_runtime.json'), JSON.stringify({ provider: token }));
  const runner = await Runner.start({ MODELS_TOKEN: token }, home);
  const id = await startRun(runner, { user_prompt: 'true' });
  const { detail } = await untilEnded(runner, id);
  expect(detail).toContain('no implementation of the provider "[redacted]"');
  expect(await (await StreamClient.follow(runner, id)).exit()).toMatchObject({ detail });
  const problem = await StreamClient.open(runner, { user_prompt: 'true' });
  expect(await problem.json()).toMatchObject({ detail });
  await runner.stop();
});

it('nothing is replaced where the administrator wants it so', async () => {
  const runner = await Runner.start({ ...ENVIRONMENT, FERMILINK_RUNNER_REDACT: 'off' });
  const client = await StreamClient.open(runner, {
    user_prompt: 'echo "$OPENAI_API_KEY"',
    session_id: SECRETS.GITHUB_TOKEN,
  });
  expect(await client.exit()).toMatchObject({ reason: 'completed' });
  expect(client.dataOf('agent')).toEqual([KEY]);
  await runner.logged(
    ({ msg, session }) => msg === 'run ended' && session === SECRETS.GITHUB_TOKEN,
  );
  await runner.stop();
});

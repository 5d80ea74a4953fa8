import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, processesWith } from '../../support/processes.js';
import { PROJECT, Runner, temporaryFolder } from '../../support/runner.js';
import { StreamClient } from '../../support/stream-client.js';
import { ChatModelServer, chatTexts } from './chat-model-server.js';
import { installExtraAgent } from './install.js';

const KEY = 'sk-key-of-the-test';

/** All that the runner is told of this CLI. */
const EXAMPLE = JSON.parse(
  readFileSync(join(PROJECT, 'schemas', 'providers.example.json'), 'utf8'),
) as { providers: Record<string, object> };

let qwen: string;
let model: ChatModelServer;
let runner: Runner;

beforeAll(() => {
  qwen = join(installExtraAgent(), 'qwen');
}, 600_000);

beforeEach(async () => {
  model = await ChatModelServer.start();
  const home = temporaryFolder();
  const file = join(home, 'providers.json');
  const providers = { qwen: { ...EXAMPLE.providers.qwen, binary: qwen } };
  writeFileSync(file, JSON.stringify({ ...EXAMPLE, providers }));
  runner = await Runner.start(
    {
      FERMILINK_PROVIDERS_FILE: file,
      FERMILINK_AGENT_PROVIDER: 'qwen',
      FERMILINK_AGENT_MODEL: 'mock-model',
      OPENAI_BASE_URL: model.baseUrl,
      OPENAI_API_KEY: KEY,
    },
    home,
  );
});

afterEach(async () => {
  await runner.stop();
  await model.stop();
});

async function run(prompt: string, sandbox?: string) {
  const client = await StreamClient.open(runner, {
    user_prompt: prompt,
    session_id: 'talk',
    sandbox,
  });
  const exit = await client.exit();
  expect(exit).toMatchObject({ reason: 'completed', return_code: 0, survivors: 0 });
  return client.dataOf('agent').map((line) => JSON.parse(line));
}

describe('qwen, which the runner knows from a providers file alone', () => {
  it('answers, in the lines of claude, and has read the rules', async () => {
    const said = await run('Hello there');
    expect(said.at(0)).toMatchObject({ type: 'system', permission_mode: 'auto-edit' });
    expect(said.at(-1)).toMatchObject({ type: 'result', is_error: false, result: 'Done.' });
    const [request] = model.requests;
    expect(request).toMatchObject({ model: 'mock-model', authorization: `Bearer ${KEY}` });
    expect(chatTexts(request!, 'user').at(-1)?.trim()).toBe('Hello there');
    const rules = readFileSync(join(runner.repo('talk'), 'AGENTS.md'), 'utf8');
    const everything = request!.messages.flatMap((it) => chatTexts(request!, it.role)).join('\n');
    expect(everything).toContain(rules.trim().split('\n').at(-1));
  }, 120_000);

  it.each([
    '--help',
    '--approval-mode yolo',
    '-',
    '/help',
    '/summary',
    '{model}',
    '🜁'.repeat(10_000),
  ])(
    'gives hostile prompt %# to the model as text',
    async (prompt) => {
      const said = await run(prompt);
      expect(said.at(-1)).toMatchObject({ type: 'result', is_error: false });
      const [request] = model.requests;
      expect(request?.model).toBe('mock-model');
      expect(chatTexts(request!, 'user').at(-1)?.trim().endsWith(prompt)).toBe(true);
    },
    120_000,
  );

  it('has the tools of its mode: files, and no shell', async () => {
    const path = join(runner.repo('talk'), 'outputs', 'hello.txt');
    model.script = (number) =>
      number === 1
        ? { call: 'write_file', arguments: { file_path: path, content: 'Hello.' } }
        : { say: 'Done.' };
    await run('Write a greeting');
    expect(readFileSync(path, 'utf8')).toBe('Hello.');
    const tools = model.requests[0]!.tools!.map((it) => it.function.name);
    expect(tools).toContain('write_file');
    expect(tools).not.toContain('run_shell_command');
  }, 120_000);

  it('writes nothing where a request asks for read-only', async () => {
    const path = join(runner.repo('talk'), 'outputs', 'hello.txt');
    model.script = (number) =>
      number === 1
        ? { call: 'write_file', arguments: { file_path: path, content: 'Hello.' } }
        : { say: 'Done.' };
    await run('Write a greeting', 'read-only');
    expect(existsSync(path)).toBe(false);
  }, 120_000);

  it('ends with all that its tools have started', async () => {
    writeFileSync(
      join(runner.home, 'fermilink', 'agent_runtime.json'),
      '{"sandbox_policy": "bypass"}',
    );
    const mark = `86399.${process.pid}`;
    const command = `setsid sleep ${mark} & sleep ${mark}`;
    model.script = () => ({
      call: 'run_shell_command',
      arguments: { command, is_background: false },
    });
    const client = await StreamClient.open(runner, { user_prompt: 'Wait', session_id: 'talk' });
    await eventually(
      () => processesWith(`sleep\0${mark}`),
      (pids) => pids.length >= 2,
      60,
    );
    const { run_id } = JSON.parse(client.dataOf('meta')[0]!);
    await fetch(`${runner.url}/runs/${run_id}/cancel`, { method: 'POST' });
    expect(await client.exit()).toMatchObject({ reason: 'cancelled', survivors: 0 });
    expect(processesWith(mark)).toEqual([]);
  }, 120_000);

  it('is found by the preflight', async () => {
    const { providers } = (await runner.getJson('/ops/providers')) as {
      providers: { id: string }[];
    };
    expect(providers.find(({ id }) => id === 'qwen')).toMatchObject({
      found: true,
      version: '0.12.0',
      works: true,
      credentials: { present: true, source: 'environment' },
      sandbox: { kind: 'rules' },
    });
  }, 120_000);
});

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ModelAnswer, MockModelServer, textsOf } from '../support/mock-model-server.js';
import { eventually, processesWith } from '../support/processes.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';
import { installAgents } from './install.js';

const KEY = 'sk-key-of-the-test';

interface CodexEvent {
  type: string;
  item?: {
    type: string;
    text?: string;
    command?: string;
    aggregated_output?: string;
    exit_code?: number | null;
  };
  usage?: object;
}

let codex: string;
let model: MockModelServer;
let runner: Runner;

beforeAll(() => {
  codex = join(installAgents(), 'codex');
}, 600_000);

beforeEach(async () => {
  model = await MockModelServer.start();
  const home = temporaryFolder();
  const codexHome = join(home, 'codex');
  mkdirSync(codexHome);
  writeFileSync(join(codexHome, 'config.toml'), settings(model.baseUrl));
  runner = await Runner.start(
    { FERMILINK_CODEX_BIN: codex, CODEX_HOME: codexHome, OPENAI_API_KEY: KEY },
    home,
  );
});

afterEach(async () => {
  await runner.stop();
  await model.stop();
});

/** What codex reads from `config.toml`; a fault of the model ends a turn at once. */
function settings(baseUrl: string): string {
  return `model = "mock-model"
model_provider = "mock"

[model_providers.mock]
name = "mock"
base_url = "${baseUrl}"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
request_max_retries = 0
stream_max_retries = 0
`;
}

/** The model has one shell command run, and then says something. */
function commandThen(command: string, words: string): () => ModelAnswer {
  return () =>
    model.requests.length === 1
      ? { call: 'exec_command', arguments: { cmd: command } }
      : { say: words };
}

async function run(prompt: string, sandbox?: string) {
  const client = await StreamClient.open(runner, {
    user_prompt: prompt,
    session_id: 'talk',
    sandbox,
  });
  expect(client.status).toBe(200);
  const events = await client.all();
  const said = events
    .filter(({ event }) => event === 'agent')
    .map(({ data }) => JSON.parse(data) as CodexEvent);
  return { events, said, exit: await client.exit() };
}

/** The completed items of one type. */
function itemsOf(said: CodexEvent[], type: string) {
  return said.flatMap((it) =>
    it.type === 'item.completed' && it.item?.type === type ? [it.item] : [],
  );
}

describe('codex, driven by the runner', () => {
  it('runs a tool in the workspace and answers', async () => {
    model.script = commandThen(
      'printf "Hello from codex\\n" > outputs/hello.txt',
      'It is written.',
    );
    const { events, said, exit } = await run('Write a greeting to outputs/hello.txt');

    expect(readFileSync(join(runner.repo('talk'), 'outputs', 'hello.txt'), 'utf8')).toBe(
      'Hello from codex\n',
    );
    expect(events[0]?.event).toBe('meta');
    expect(JSON.parse(events[0]!.data)).toMatchObject({
      session_id: 'talk',
      agent: { provider: 'codex', sandbox_policy: 'enforce', sandbox_mode: 'workspace-write' },
    });
    expect(said[0]?.type).toBe('thread.started');
    expect(itemsOf(said, 'command_execution')).toMatchObject([
      { command: expect.stringContaining('outputs/hello.txt'), exit_code: 0 },
    ]);
    expect(itemsOf(said, 'agent_message')).toMatchObject([{ text: 'It is written.' }]);
    expect(said.at(-1)).toMatchObject({
      type: 'turn.completed',
      usage: { input_tokens: 200, output_tokens: 40 },
    });
    expect(events.filter(({ event }) => event === 'runner.exit')).toHaveLength(1);
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0, survivors: 0 });

    expect(model.requests).toHaveLength(2);
    expect(model.requests[0]?.authorization).toBe(`Bearer ${KEY}`);
    expect(model.requests[1]?.input.at(-1)).toMatchObject({ type: 'function_call_output' });
    // Nothing but the model is asked at the address of the model.
    expect(model.others).toEqual([]);
  });

  it.each([
    ['--help'],
    ['--dangerously-bypass-approvals-and-sandbox'],
    ['-c model=evil'],
    ['-'],
    ['resume --last'],
    ['/help'],
  ])('gives the prompt %j to the model as text', async (prompt) => {
    const { said, exit } = await run(prompt);
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
    expect(model.requests).toHaveLength(1);
    expect(model.requests[0]?.model).toBe('mock-model');
    expect(textsOf(model.requests[0]!, 'user').at(-1)).toBe(prompt);
    expect(itemsOf(said, 'agent_message')).toMatchObject([{ text: 'Done.' }]);
  });

  it('keeps tools in the workspace, and the key from them', async () => {
    const outside = join(runner.home, 'escaped');
    model.script = commandThen(`env; touch '${outside}' || echo was refused`, 'Done.');
    const { said, exit } = await run('Look around');
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
    const [command] = itemsOf(said, 'command_execution');
    expect(command?.aggregated_output).toContain('HOME=');
    expect(command?.aggregated_output).toContain('was refused');
    expect(JSON.stringify(said)).not.toContain(KEY);
    expect(existsSync(outside)).toBe(false);
  });

  it('lets a request for read-only narrow what tools may write', async () => {
    model.script = commandThen('touch outputs/hello.txt || echo was refused', 'Done.');
    const { said, exit } = await run('Write a greeting', 'read-only');
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
    expect(itemsOf(said, 'command_execution')[0]?.aggregated_output).toContain('was refused');
    expect(existsSync(join(runner.repo('talk'), 'outputs', 'hello.txt'))).toBe(false);
  });

  it('follows a change of policy without a restart', async () => {
    const home = join(runner.home, 'fermilink');
    writeFileSync(
      join(home, 'agent_runtime.json'),
      '{"model": "another-model", "sandbox_policy": "bypass"}',
    );
    const outside = join(runner.home, 'allowed');
    model.script = commandThen(`touch '${outside}'`, 'Done.');
    const { events } = await run('Write outside');
    expect(JSON.parse(events[0]!.data).agent).toMatchObject({
      sandbox_policy: 'bypass',
      sandbox_mode: null,
      model: 'another-model',
    });
    expect(model.requests[0]?.model).toBe('another-model');
    expect(existsSync(outside)).toBe(true);
  });

  it('ends with all that its tools have started when the client goes', async () => {
    const mark = '86399.25';
    model.script = commandThen(`setsid sleep ${mark} & sleep ${mark}`, 'Never said.');
    const client = await StreamClient.open(runner, { user_prompt: 'Wait', session_id: 'talk' });
    await eventually(
      () => processesWith(`sleep\0${mark}`),
      (pids) => pids.length >= 2,
    );
    client.abort();
    await eventually(
      () => processesWith(mark),
      (pids) => pids.length === 0,
    );
    const idle = await eventually(
      () => runner.getJson('/ops/concurrency'),
      ({ active_total }) => active_total === 0,
    );
    expect(idle.pending_total).toBe(0);
  });
});

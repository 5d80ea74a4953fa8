import { lstatSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT, Runner, temporaryFolder } from '../support/runner.js';
import { type RunBody, StreamClient } from '../support/stream-client.js';

const AGENT = join(PROJECT, 'test', 'support', 'echo-agent.sh');
const HOSTILE = ['--help', '-', '/help', '-c model=evil', '{model}', '$(id)', 'two\nlines'];

describe('a provider of the providers file', () => {
  let home: string;
  let runner: Runner;
  beforeEach(() => (home = temporaryFolder()));
  afterEach(() => runner.stop());

  function write(acme: object): string {
    const file = join(home, 'providers.json');
    writeFileSync(file, JSON.stringify({ version: 1, providers: { acme } }));
    return file;
  }

  async function start(acme: object, env: Record<string, string> = {}): Promise<void> {
    runner = await Runner.start(
      {
        FERMILINK_PROVIDERS_FILE: write({ binary: AGENT, ...acme }),
        FERMILINK_AGENT_PROVIDER: 'acme',
        ...env,
      },
      home,
    );
  }

  async function run(body: RunBody) {
    const client = await StreamClient.open(runner, { session_id: 's', ...body });
    expect(client.status).toBe(200);
    const exit = await client.exit();
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
    const meta = JSON.parse(client.dataOf('meta')[0]!);
    return { agent: meta.agent, said: client.dataOf('agent').join('\n').split('\n') };
  }

  it('runs by configuration alone: arguments by mode, stdin, environment, alias', async () => {
    const args = {
      'read-only': ['--plan'],
      'workspace-write': [
        ['--cd', '{repo}'],
        ['--model', '{model}'],
        ['--effort', '{effort}'],
      ],
    };
    const environment = { families: ['ACME_'], set: { ACME_QUIET: '1' } };
    await start(
      { args, environment, instructions_alias: 'ACME.md' },
      { ACME_KEY: 'own', FERMILINK_AGENT_MODEL: 'm-1' },
    );
    const { agent, said } = await run({ user_prompt: 'Hello there' });
    expect(agent).toMatchObject({
      provider: 'acme',
      sandbox_mode: 'workspace-write',
      model: 'm-1',
    });
    expect(said).toEqual([
      'argument: --cd',
      `argument: ${runner.repo('s')}`,
      'argument: --model',
      'argument: m-1',
      'stdin: Hello there',
      'ACME_KEY=own',
      'ACME_QUIET=1',
    ]);
    expect(readlinkSync(join(runner.repo('s'), 'ACME.md'))).toBe('AGENTS.md');
    const narrowed = await run({ user_prompt: 'x', sandbox: 'read-only' });
    expect(narrowed.said[0]).toBe('argument: --plan');
    for (const user_prompt of HOSTILE) {
      const { said: all } = await run({ user_prompt });
      expect(all.slice(4, -2).join('\n')).toBe(`stdin: ${user_prompt}`);
    }
  });

  it('gets its prompt as a file, which goes with the run', async () => {
    await start({ args: { 'workspace-write': ['--file', '{prompt_file}'] }, prompt: 'file' });
    for (const user_prompt of HOSTILE) {
      const { said } = await run({ user_prompt });
      expect(said[0]).toBe('argument: --file');
      const path = said[1]!.replace('argument: ', '');
      expect(path.startsWith(runner.runtime)).toBe(true);
      expect(said.slice(2).join('\n')).toBe(`stdin: \nfile: ${user_prompt}`);
      expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
    }
  });

  it('is refused in a mode that it does not define, before a workspace is made', async () => {
    await start({ args: { 'workspace-write': [] } });
    const refused = await StreamClient.open(runner, {
      user_prompt: 'x',
      session_id: 'never',
      sandbox: 'read-only',
    });
    expect(refused.status).toBe(501);
    expect(await refused.json()).toMatchObject({
      code: 'sandbox_mode_unsupported',
      detail:
        'The provider "acme" cannot be started in the mode "read-only"; the administrator can define it in FERMILINK_PROVIDERS_FILE, or choose one of: workspace-write.',
    });
    expect(lstatSync(runner.repo('never'), { throwIfNoEntry: false })).toBeUndefined();
    await run({ user_prompt: 'x' });
    writeFileSync(join(home, 'fermilink', 'agent_runtime.json'), '{"sandbox_policy": "bypass"}');
    const ready = await fetch(`${runner.url}/health/ready`);
    expect([ready.status, await ready.text()]).toEqual([
      503,
      expect.stringMatching(/mode ."bypass."/),
    ]);
  });

  it.each([
    ['SIGINT', 'asked by INT'],
    ['SIGTERM', 'asked by TERM'],
  ])('is asked to end by %s', async (stop_signal, words) => {
    await start({ args: { 'workspace-write': ['hang'] }, stop_signal });
    const client = await StreamClient.open(runner, { user_prompt: 'x' });
    await client.waitFor(({ data }) => data === 'waiting');
    const meta = JSON.parse(client.dataOf('meta')[0]!);
    await fetch(`${runner.url}/runs/${meta.run_id}/cancel`, { method: 'POST' });
    expect(await client.exit()).toMatchObject({ reason: 'cancelled' });
    expect(client.dataOf('agent')).toContain(words);
  });

  it('can be chosen by the policy file too', async () => {
    await start({ args: { 'workspace-write': ['--here'] } }, { FERMILINK_AGENT_PROVIDER: '' });
    writeFileSync(join(home, 'fermilink', 'agent_runtime.json'), '{"provider": "acme"}');
    const { agent, said } = await run({ user_prompt: 'x' });
    expect([agent.provider, said[0]]).toEqual(['acme', 'argument: --here']);
  });

  it('stops the start with a sentence for each fault', async () => {
    const file = write({ binary: AGENT, args: { bypass: ['{prompt}'] }, stop_signal: 'SIGHUP' });
    runner = Runner.spawn({ FERMILINK_PROVIDERS_FILE: file }, home);
    await runner.closed;
    expect(runner.process.exitCode).toBe(1);
    expect(runner.logLines.map(({ msg }) => msg)).toEqual([
      'FERMILINK_PROVIDERS_FILE: providers.acme.args.bypass[0] must be one of {repo}, {tmp}, {home}, {prompt_file}, {model}, {effort}, or not look like one.',
      'FERMILINK_PROVIDERS_FILE: providers.acme.stop_signal must be one of: SIGINT, SIGTERM.',
    ]);
  });
});

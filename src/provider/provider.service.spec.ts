import { mkdtempSync, rmSync } from 'node:fs';
import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { providersOf } from '../config/providers-file.js';
import { RunnerConfig } from '../config/runner-config.js';
import { AGENTS, CODEX, basesIn } from '../../test/support/agent-settings.js';
import { createLogger } from '../common/logger.js';
import { AdapterRegistry } from './adapter-registry.js';
import { adaptersFor } from './adapters/index.js';
import { HomesService } from './homes/homes.service.js';
import { PolicyService } from './policy.service.js';
import { ProgramService } from './program.service.js';
import { ProviderService } from './provider.service.js';
import { RunFolder } from './run-folder.js';
import { TalksService } from './talks.service.js';

const COOKIE = { FERMILINK_RUN_COOKIE: 'the-cookie' };
const HOSTILE = [
  '--help',
  '-',
  '--dangerously-bypass-approvals-and-sandbox',
  '-c model=evil',
  '$(touch pwned); `id` "quoted" \'too\'',
  'multi\nline\r\n\u2028',
  '/help',
];

let folder: string;
let run: RunFolder;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fermilink-provider-'));
  run = new RunFolder(folder, '1');
  for (const path of [join(folder, 'bin'), join(folder, 'repo'), run.path, run.tmp]) {
    await mkdir(path);
  }
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Setting {
  provider?: string;
  binaries?: RunnerConfig['binaries'];
  environment?: Record<string, string>;
  agentEnvPassthrough?: string[];
  agents?: RunnerConfig['agents'];
  providers?: RunnerConfig['providers'];
}

async function service({ provider = 'codex', ...rest }: Setting = {}) {
  const policyFile = join(folder, 'agent_runtime.json');
  await writeFile(policyFile, JSON.stringify({ provider }));
  const config = new RunnerConfig({
    policyFile,
    policyOverrides: {},
    binaries: {},
    codex: CODEX,
    agents: AGENTS,
    agentBases: basesIn(folder),
    runtimeRoot: join(folder, 'runtime'),
    agentEnvPassthrough: [],
    ...rest,
    environment: { PATH: join(folder, 'bin'), HOME: folder, ...rest.environment },
  } as unknown as RunnerConfig);
  const logger = createLogger();
  const adapters = new AdapterRegistry(config);
  const policies = new PolicyService(config);
  const programs = new ProgramService(config, adapters, policies);
  const homes = new HomesService(config, logger);
  const talks = new TalksService(config, homes, logger);
  const providers = new ProviderService(config, adapters, programs, homes, talks);
  const launch = async (prompt = 'Hello') =>
    providers.prepareLaunch({
      policy: await policies.forRun(null),
      sessionId: 's1',
      repoPath: join(folder, 'repo'),
      prompt,
      goesOn: false,
      mark: COOKIE,
      folder: run,
    });
  return { adapters, programs, launch };
}

/** An executable file, with the folders above it. */
async function program(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '#!/bin/sh\n', { mode: 0o755 });
  return path;
}

describe('the binary of a provider', () => {
  it.each(['codex', 'claude', 'gemini', 'opencode'])('of %s is found on PATH', async (provider) => {
    const path = await program(join(folder, 'bin', provider));
    const { programs, launch } = await service({ provider });
    expect((await launch()).command).toBe(path);
    expect(await programs.problem()).toBeNull();
  });

  it('of the demo is this Node, with the agent that ships with the project', async () => {
    const { command, args } = await (await service({ provider: 'demo' })).launch();
    expect(command).toBe(process.execPath);
    expect(args[0]).toMatch(/\/dist\/provider\/demo\/agent\.js$/);
    expect(args[1]).toBe('workspace-write');
  });

  it('is the first executable file of that name on PATH', async () => {
    await mkdir(join(folder, 'a', 'codex'), { recursive: true });
    await program(join(folder, 'b', 'codex'));
    await chmod(join(folder, 'b', 'codex'), 0o644);
    const right = await program(join(folder, 'c', 'codex'));
    await program(join(folder, 'd', 'codex'));
    const PATH = ['', ...['a', 'b', 'c', 'd'].map((name) => join(folder, name))].join(':');
    const { launch } = await service({ environment: { PATH } });
    expect((await launch()).command).toBe(right);
  });

  it('can be named by another name or by its path', async () => {
    const other = await program(join(folder, 'bin', 'codex-nightly'));
    for (const codex of ['codex-nightly', other]) {
      expect((await (await service({ binaries: { codex } })).launch()).command).toBe(other);
    }
  });

  it('is started by an absolute path, so that a workspace cannot put another in its place', async () => {
    const path = await program(join(folder, 'bin', 'codex'));
    const PATH = relative(process.cwd(), join(folder, 'bin'));
    const { launch } = await service({ environment: { PATH } });
    expect((await launch()).command).toBe(path);
  });

  it('is started under the name by which it was found, since a shim goes by its name', async () => {
    await program(join(folder, 'lib', 'shim'));
    await symlink('../lib/shim', join(folder, 'bin', 'codex'));
    expect((await (await service()).launch()).command).toBe(join(folder, 'bin', 'codex'));
  });

  it.each([
    ['missing', async () => undefined],
    ['a folder', () => mkdir(join(folder, 'bin', 'codex'))],
    ['a dangling link', () => symlink('nowhere', join(folder, 'bin', 'codex'))],
    ['not executable', () => writeFile(join(folder, 'bin', 'codex'), '', { mode: 0o644 })],
  ])('that is %s is named with its variable', async (_what, make) => {
    await make();
    const { programs, launch } = await service();
    await expect(launch()).rejects.toMatchObject({
      code: 'spawn_failed',
      detail: expect.stringMatching(/CLI of codex was not found.*FERMILINK_CODEX_BIN/),
    });
    expect(await programs.problem()).toContain('FERMILINK_CODEX_BIN');
    expect(await programs.fault()).toBe(
      'The CLI of codex was not found; install it, or name it in FERMILINK_CODEX_BIN.',
    );
  });

  it.each([
    ['/tmp', 'an executable file'],
    ['no-such-program', 'the name of a program on PATH'],
  ])('that is named as %s is shown to the administrator alone', async (value, rule) => {
    const { programs } = await service({
      binaries: { codex: value },
      environment: { FERMILINK_CODEX_BIN: ` ${value} ` },
    });
    expect(await programs.fault()).toBe(
      `FERMILINK_CODEX_BIN is "${value}", but it must be ${rule}.`,
    );
    expect(await programs.problem()).not.toContain(value);
  });

  it('is asked for only where it belongs to the chosen provider', async () => {
    await program(join(folder, 'bin', 'claude'));
    const { programs } = await service({ provider: 'claude' });
    expect(await programs.problem()).toBeNull();
  });
});

describe('the native program of codex', () => {
  const [name, triple] =
    process.arch === 'arm64'
      ? ['codex-linux-arm64', 'aarch64-unknown-linux-musl']
      : ['codex-linux-x64', 'x86_64-unknown-linux-musl'];
  const native = join('vendor', triple, 'bin', 'codex');
  const script = () => join(folder, 'lib', '@openai', 'codex', 'bin', 'codex.js');

  beforeEach(async () => {
    await program(script());
    await symlink(script(), join(folder, 'bin', 'codex'));
  });

  it.each([
    ['beside the package', join('..', name, native)],
    ['inside its node_modules', join('node_modules', '@openai', name, native)],
    ['in the package itself', native],
  ])('is started where it is %s', async (_where, place) => {
    const path = await program(join(folder, 'lib', '@openai', 'codex', place));
    expect((await (await service()).launch()).command).toBe(path);
    // Also where the script itself is named.
    const { launch } = await service({ binaries: { codex: script() } });
    expect((await launch()).command).toBe(path);
  });

  it('is not needed: the script serves', async () => {
    expect((await (await service()).launch()).command).toBe(join(folder, 'bin', 'codex'));
  });

  it('is not looked for beside another script', async () => {
    await program(join(folder, 'lib', '@openai', name, native));
    const codex = await program(join(folder, 'my', 'codex.js'));
    expect((await (await service({ binaries: { codex } })).launch()).command).toBe(codex);
  });
});

describe('a launch', () => {
  it.each([...adaptersFor({ codex: CODEX, agentBases: basesIn('/') }).keys()])(
    'of %s holds no part of a prompt in its arguments',
    async (provider) => {
      if (provider !== 'demo') await program(join(folder, 'bin', provider));
      const { launch } = await service({ provider });
      const commandLines = new Set<string>();
      for (const prompt of HOSTILE) {
        const { command, args, env, stdin } = await launch(prompt);
        expect(stdin.endsWith(prompt)).toBe(true);
        commandLines.add(JSON.stringify([command, args, env]));
        for (const path of [run.launch, run.homeBefore]) {
          rmSync(path, { recursive: true, force: true });
        }
      }
      expect(commandLines.size).toBe(1);
    },
  );

  it("hands on the provider's own keys, and no other secret", async () => {
    await program(join(folder, 'bin', 'claude'));
    const { launch } = await service({
      provider: 'claude',
      agentEnvPassthrough: ['LICENSE', 'FERMILINK_RUNNER_METRICS_TOKEN'],
      environment: {
        LICENSE: 'for all',
        ANTHROPIC_API_KEY: 'own',
        OPENAI_API_KEY: 'secret',
        AWS_SECRET_ACCESS_KEY: 'secret',
        FERMILINK_RUNNER_METRICS_TOKEN: 'secret',
      },
    });
    expect((await launch()).env).toEqual({
      PATH: join(folder, 'bin'),
      HOME: join(folder, 'runtime', 'homes', 's1'),
      TERM: 'dumb',
      TMPDIR: run.tmp,
      LICENSE: 'for all',
      ANTHROPIC_API_KEY: 'own',
      CLAUDE_CONFIG_DIR: join(folder, 'runtime', 'homes', 's1', '.claude'),
      CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      CLAUDE_CODE_MAX_RETRIES: '2',
      ...COOKIE,
    });
  });

  it('says which of what it hands on is secret', async () => {
    const { launch } = await service({
      provider: 'demo',
      agentEnvPassthrough: ['LICENSE_KEY', 'MODELS'],
      environment: {
        LICENSE_KEY: 'licensed-to-all',
        MODELS: 'acme/m1,acme/m2',
        GITHUB_TOKEN: 'not-handed-on',
        HTTP_PROXY: 'http://ada:lovelace@proxy:1',
      },
    });
    expect([...(await launch()).secrets].sort()).toEqual(['licensed-to-all', 'lovelace']);
  });

  it("replaces the server's TMPDIR and its mark by those of the run", async () => {
    const environment = { TMPDIR: '/var/tmp', FERMILINK_RUN_COOKIE: 'of the server' };
    const { env } = await (await service({ provider: 'demo', environment })).launch();
    expect(env).toMatchObject({ TMPDIR: run.tmp, ...COOKIE });
  });

  it('writes the settings files of a CLI for the server alone', async () => {
    await program(join(folder, 'bin', 'gemini'));
    const agents = { ...AGENTS, home: 'shared' } as const;
    const { env } = await (await service({ provider: 'gemini', agents })).launch();
    const path = env.GEMINI_CLI_SYSTEM_SETTINGS_PATH!;
    expect(dirname(path)).toBe(run.launch);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(path, 'utf8'))).toHaveProperty('privacy');
  });
});

describe('a provider of the providers file', () => {
  const acme = (more: object = {}) => {
    const given = { binary: 'acme-cli', args: { 'workspace-write': ['go'] }, ...more };
    const faults: string[] = [];
    const providers = providersOf({ providers: { acme: given } }, faults);
    expect(faults).toEqual([]);
    return { provider: 'acme', providers };
  };

  it('is found on PATH under the name of its binary, and started as defined', async () => {
    const path = await program(join(folder, 'bin', 'acme-cli'));
    const environment = { ACME_KEY: 'own', OPENAI_API_KEY: 'secret' };
    const families = { families: ['ACME_'], set: { ACME_QUIET: '1' } };
    const { programs, launch } = await service({
      ...acme({ environment: families }),
      environment,
    });
    expect(await programs.problem()).toBeNull();
    const started = await launch('--help');
    expect(started).toMatchObject({ command: path, args: ['go'], stdin: '--help' });
    expect(started.env).toMatchObject({ ACME_KEY: 'own', ACME_QUIET: '1' });
    expect(started.env).not.toHaveProperty('OPENAI_API_KEY');
  });

  it('gets its prompt in a file for the server alone where it wants that', async () => {
    await program(join(folder, 'bin', 'acme-cli'));
    const args = { 'workspace-write': ['{prompt_file}'] };
    const { launch } = await service(acme({ args, prompt: 'file', slash_commands: true }));
    const started = await launch('/help');
    expect(started.stdin).toBe('');
    const path = started.args[0]!;
    expect(dirname(path)).toBe(run.launch);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toBe('Request:\n/help');
  });

  it('that is missing is named with the file, not with a variable', async () => {
    const { programs, launch } = await service(acme());
    const sentence =
      'The CLI of acme was not found; install it, or mend its "binary" in FERMILINK_PROVIDERS_FILE.';
    await expect(launch()).rejects.toMatchObject({ code: 'spawn_failed', detail: sentence });
    expect(await programs.problem()).toBe(sentence);
    expect(await programs.fault()).toBe(sentence);
  });

  it('is refused in a mode that it does not define', async () => {
    await program(join(folder, 'bin', 'acme-cli'));
    const { programs, launch } = await service(acme({ args: { 'read-only': [], bypass: [] } }));
    const detail =
      'The provider "acme" cannot be started in the mode "workspace-write"; the administrator can define it in FERMILINK_PROVIDERS_FILE, or choose one of: read-only, bypass.';
    await expect(launch()).rejects.toMatchObject({ code: 'sandbox_mode_unsupported', detail });
    expect(await programs.problem()).toBe(detail);
  });
});

describe('a provider without an adapter', () => {
  it('is refused by name and reported', async () => {
    const { programs, launch } = await service({ provider: 'somebody-elses' });
    await expect(launch()).rejects.toMatchObject({
      code: 'provider_not_implemented',
      detail: expect.stringContaining('"somebody-elses"'),
    });
    expect(await programs.problem()).not.toBeNull();
  });

  it('is not one of the names that every object has', async () => {
    const { adapters } = await service();
    expect(() => adapters.require('constructor')).toThrow(/no implementation/);
  });
});

describe('a policy that is not valid', () => {
  it('is a problem before everything else', async () => {
    const { programs } = await service();
    await writeFile(join(folder, 'agent_runtime.json'), '{');
    expect(await programs.problem()).toContain('agent_runtime.json');
  });
});

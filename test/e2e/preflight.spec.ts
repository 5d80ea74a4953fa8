import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { eventually, processesWith } from '../support/processes.js';
import { PROJECT, Runner, temporaryFolder } from '../support/runner.js';

/** A real codex at a tested version whose sandbox does what a script says. */
const codexWith = (sandbox: string) =>
  `case "$1" in --version) echo 'codex-cli 0.169.0';; sandbox) shift 4; ${sandbox};; esac`;
const HELD = 'exit 0';
/** A time that no other program sleeps, by which one is known. */
const mark = `86399.${process.pid}`;
const sleep = `sleep ${mark}`;

let home: string;
beforeEach(() => {
  home = temporaryFolder();
  mkdirSync(join(home, 'bin'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** A program in the folder of the test. */
function program(name: string, script: string, mode = 0o755): string {
  const path = join(home, 'bin', name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, mode);
  return path;
}

/** Writes a providers file with these binaries; gives its path. */
function providersFile(binaries: Record<string, string>, more: object = {}): string {
  const file = join(home, 'providers.json');
  const providers = Object.fromEntries(
    Object.entries(binaries).map(([id, binary]) => [
      id,
      { binary, args: { 'workspace-write': [] }, ...more },
    ]),
  );
  writeFileSync(file, JSON.stringify({ providers }));
  return file;
}

const environment = (env: Record<string, string>) => ({
  PATH: `${join(home, 'bin')}:/usr/bin:/bin`,
  HOME: home,
  FERMILINK_HOME: join(home, 'fermilink'),
  ...env,
});

async function doctor(env: Record<string, string>, ...args: string[]) {
  const child = spawn(process.execPath, [join(PROJECT, 'dist', 'doctor.js'), ...args], {
    cwd: home,
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const code = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [said, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, said, complaints };
}

interface Seen extends Record<string, unknown> {
  id: string;
  works: boolean;
  problems: string[];
  notes: string[];
}

/** What the doctor sees, by provider. */
async function see(env: Record<string, string>) {
  const { code, said, complaints } = await doctor(env, '--json');
  if (said === '') throw new Error(complaints);
  const report = JSON.parse(said) as { works: boolean; providers: Seen[]; problem: string | null };
  expect(code).toBe(report.works ? 0 : 1);
  return { report, of: (id: string) => report.providers.find((it) => it.id === id)! };
}

describe('the doctor', () => {
  it('finds that all is well', async () => {
    const path = program('codex', codexWith(HELD));
    const { report, of } = await see({ CODEX_API_KEY: 's3cret' });
    expect(report).toMatchObject({ configured_provider: 'codex', works: true, problem: null });
    expect(of('codex')).toEqual({
      id: 'codex',
      configured: true,
      works: true,
      found: true,
      path,
      version: '0.169.0',
      tested: true,
      tested_versions: ['0.169.0'],
      credentials: { present: true, source: 'environment' },
      sandbox: {
        kind: 'contained',
        works: true,
        modes: ['read-only', 'workspace-write', 'bypass'],
      },
      problems: [],
      notes: [],
    });
    expect(JSON.stringify(report)).not.toContain('s3cret');
    const { said } = await doctor({ CODEX_API_KEY: 's3cret' });
    expect(said).toMatch(/^\* codex +yes +0\.169\.0 \(tested\) +found +works +\//m);
    expect(said).toContain('The configured provider, codex, can work.');
    expect(said).not.toContain('s3cret');
  }, 120_000);

  it('finds a CLI that is missing, or that nobody may execute, without a server', async () => {
    const closed = program('gemini', 'echo 0.61.0', 0o644);
    const { of } = await see({});
    expect(of('codex')).toMatchObject({ found: false, path: null, works: false });
    expect(of('codex').problems[0]).toBe(
      'The CLI of codex was not found; install it, or name it in FERMILINK_CODEX_BIN.',
    );
    expect(of('gemini')).toMatchObject({ found: false, version: null });
    expect(of('gemini').problems[0]).toBe(
      `The CLI of gemini is "${closed}", which this user may not execute; change its permissions.`,
    );
    const { code, said } = await doctor({});
    expect([code, said]).toEqual([1, expect.stringContaining('codex, cannot work; see above.')]);
  }, 120_000);

  it('finds a version that is not tested, and says which one is', async () => {
    program('codex', codexWith(HELD).replace('0.169.0', '0.170.0-alpha.2'));
    const { of } = await see({ CODEX_API_KEY: 'x' });
    expect(of('codex')).toMatchObject({ version: '0.170.0-alpha.2', tested: false, works: true });
    expect(of('codex').notes).toEqual([
      'The version 0.170.0-alpha.2 is not tested; "npm install -g @openai/codex@0.169.0" installs one that is.',
    ]);
  }, 120_000);

  it.each([
    ['fails', 'echo "bwrap: No permissions to create new namespace" >&2; exit 1', 'bwrap: No perm'],
    ['does not hold', 'exec "$@"', 'it let a command write that may only read'],
  ])(
    'finds a sandbox that %s, which matters where it is enforced',
    async (_how, script, why) => {
      program('codex', codexWith(script));
      const env = { CODEX_API_KEY: 'x' };
      const { of } = await see(env);
      expect(of('codex')).toMatchObject({ works: false, sandbox: { works: false } });
      expect(of('codex').problems).toEqual([expect.stringContaining(`does not work here (${why}`)]);
      const bypassing = (await see({ ...env, FERMILINK_AGENT_SANDBOX_POLICY: 'bypass' })).of(
        'codex',
      );
      expect(bypassing).toMatchObject({ works: true, sandbox: { works: false }, problems: [] });
      expect(bypassing.notes).toHaveLength(1);
    },
    120_000,
  );

  it('finds credentials in variables, in files, or nowhere, and never shows them', async () => {
    for (const name of ['codex', 'claude', 'gemini', 'opencode', 'acme']) {
      program(name, name === 'codex' ? codexWith(HELD) : 'echo 1.0.0');
    }
    const file = providersFile(
      { acme: 'acme' },
      {
        environment: { families: ['ACME_'] },
        credentials: { variables: ['ACME_KEY'], files: [join(home, 'acme.key')] },
      },
    );
    const credentials = async (env: Record<string, string> = {}) => {
      const { report } = await see({ FERMILINK_PROVIDERS_FILE: file, ...env });
      expect(JSON.stringify(report)).not.toContain('s3cret');
      return report.providers.map((it) => Object.values(it.credentials as object).join());
    };
    const missing = 'false,';
    expect(
      await credentials({
        OTHER_KEY: 's3cret',
        CODEX_API_KEY: 'YOUR_KEY_HERE',
        OPENAI_API_KEY: 's3cret',
      }),
    ).toEqual([missing, missing, missing, missing, ',', missing]);
    const inEnvironment = {
      FERMILINK_CODEX_API_KEY: 's3cret',
      ANTHROPIC_API_KEY: 's3cret',
      GEMINI_API_KEY: 's3cret',
      OPENCODE_CONFIG_CONTENT: '{"provider": {"x": {"options": {"apiKey": "s3cret"}}}}',
      ACME_KEY: 's3cret',
    };
    const there = 'true,environment';
    expect(await credentials(inEnvironment)).toEqual([there, there, there, there, ',', there]);
    const keep = (path: string, content = 's3cret') => {
      mkdirSync(join(home, path, '..'), { recursive: true });
      writeFileSync(join(home, path), content);
    };
    keep('.codex/config.toml');
    keep('.claude/settings.json');
    keep('.gemini/settings.json');
    keep('.config/opencode/opencode.json');
    expect(await credentials()).toEqual([',', ',', ',', ',', ',', missing]);
    keep('.codex/auth.json');
    keep('.claude/.credentials.json');
    keep('.gemini/oauth_creds.json');
    keep('.local/share/opencode/auth.json');
    keep('acme.key');
    const inFile = 'true,file';
    expect(await credentials()).toEqual([inFile, inFile, inFile, inFile, ',', inFile]);
    // A stored login is what codex is to use then, and not the key.
    rmSync(join(home, '.codex'), { recursive: true });
    const stored = { ...inEnvironment, FERMILINK_CODEX_AUTH_MODE: 'login' };
    expect((await credentials(stored))[0]).toBe(missing);
  }, 300_000);

  it('is not harmed by programs that hang, flood, fork, fail or say nonsense', async () => {
    const seen = join(home, 'environment');
    const file = providersFile({
      hangs: program('hangs', `trap '' TERM INT; setsid ${sleep} & while :; do sleep 1; done`),
      floods: program('floods', 'while :; do echo 1.2.3 and much more; done'),
      forks: program('forks', `env > ${seen}; setsid ${sleep} & ${sleep} & echo 1.2.3`),
      fails: program('fails', 'printf "first\\n\\033[31mno \\001luck\\n\\n" >&2; exit 3'),
      nonsense: program('nonsense', 'head -c 4096 /dev/zero; printf "\\377\\376 v1"'),
      broken: join(home, 'bin', 'broken'),
    });
    writeFileSync(join(home, 'bin', 'broken'), '\x7fELF nothing', { mode: 0o755 });
    const env = {
      FERMILINK_PROVIDERS_FILE: file,
      FERMILINK_AGENT_PROVIDER: 'forks',
      A_KEY: 's3cret',
    };
    const { report, of } = await see(env);
    expect(report.works).toBe(true);
    expect(of('forks')).toMatchObject({ version: '1.2.3', tested: null, works: true });
    expect(of('hangs').problems[0]).toMatch(/^It did not end within 10 seconds /);
    expect(of('floods').problems[0]).toMatch(/^It does not stop writing /);
    expect(of('fails').problems[0]).toContain(
      'It ended with 3 when it was asked for --version ([31mno luck)',
    );
    expect(of('nonsense')).toMatchObject({ version: null, works: true, problems: [] });
    expect(of('nonsense').notes).toEqual(['It does not say its version for --version.']);
    expect(of('broken').works).toBe(false);
    expect(processesWith(mark)).toEqual([]);
    expect(processesWith(home)).toEqual([]);
    const given = readFileSync(seen, 'utf8');
    expect(given).not.toContain('s3cret');
    // Its home has gone with it.
    const [, place] = /^HOME=(.+)$/m.exec(given)!;
    expect([place!.includes('probe-'), existsSync(place!)]).toEqual([true, false]);
  }, 120_000);

  it('leaves nothing of a program that hung when the server died', async () => {
    const file = providersFile({ hangs: program('hangs', `setsid ${sleep} & ${sleep}`) });
    let runner = await Runner.start({ FERMILINK_PROVIDERS_FILE: file }, home);
    const asked = fetch(`${runner.url}/ops/providers`).catch(() => null);
    await eventually(
      () => processesWith(mark),
      (pids) => pids.length >= 2,
    );
    await runner.kill();
    await asked;
    expect(processesWith(mark).length).toBeGreaterThanOrEqual(2);
    runner = await runner.startNext();
    await eventually(
      () => processesWith(mark),
      (pids) => pids.length === 0,
    );
    await eventually(
      () => readdirSync(runner.runtime).filter((name) => name.startsWith('probe-')),
      (names) => names.length === 0,
    );
    await runner.stop();
  });

  it('finds that the configured provider is not known, or does not know the mode', async () => {
    const file = providersFile({ acme: program('acme', 'echo 1.0.0') });
    const env = { FERMILINK_PROVIDERS_FILE: file, FERMILINK_AGENT_PROVIDER: 'acme' };
    const { of } = await see({ ...env, FERMILINK_AGENT_SANDBOX_MODE: 'read-only' });
    expect(of('acme').problems).toEqual([expect.stringContaining('mode "read-only"')]);
    mkdirSync(join(home, 'fermilink'), { recursive: true });
    writeFileSync(join(home, 'fermilink', 'agent_runtime.json'), '{"provider": "somebody-elses"}');
    expect((await see({})).report).toMatchObject({
      configured_provider: 'somebody-elses',
      problem: 'The configured provider has no implementation in this runner.',
    });
    writeFileSync(join(home, 'fermilink', 'agent_runtime.json'), '{');
    const invalid = await doctor({});
    expect([invalid.code, invalid.said]).toEqual([1, expect.stringContaining('it is not JSON')]);
  }, 120_000);

  it('says what is wrong with the configuration, as the server does', async () => {
    const bad = await doctor(
      { FERMILINK_RUNNER_PORT: 'x', FERMILINK_AGENT_PROVIDER: 'hal' },
      '--json',
    );
    expect(bad).toEqual({
      code: 1,
      said: '',
      complaints:
        'FERMILINK_RUNNER_PORT is "x", but it must be a whole number from 0 to 65535.\n' +
        'FERMILINK_AGENT_PROVIDER is "hal", but it must be one of: codex, claude, gemini, opencode, demo.\n',
    });
    expect((await doctor({}, '--jsn')).complaints).toContain('"--jsn"');
  }, 60_000);
});

describe('GET /ops/providers', () => {
  it('says the same, and looks once for all who ask within a minute', async () => {
    const count = join(home, 'count');
    const claude = program('claude', `echo x >> ${count}; sleep 0.3; echo '2.1.332 (Claude Code)'`);
    const runner = await Runner.start({
      ...environment({ FERMILINK_AGENT_PROVIDER: 'claude', ANTHROPIC_API_KEY: 's3cret' }),
    });
    try {
      const ask = () => runner.getJson('/ops/providers');
      const [first, second] = await Promise.all([ask(), ask()]);
      expect(second).toEqual(first);
      expect(await ask()).toEqual(first);
      expect(readFileSync(count, 'utf8')).toBe('x\n');
      expect(first).toMatchObject({
        configured_provider: 'claude',
        works: true,
        problem: null,
        timestamp_utc: expect.stringMatching(/Z$/),
      });
      const providers = first.providers as Seen[];
      expect(providers.find(({ id }) => id === 'claude')).toMatchObject({
        path: claude,
        version: '2.1.332',
        tested: true,
        credentials: { present: true, source: 'environment' },
        sandbox: { kind: 'rules', works: null },
      });
      expect(JSON.stringify(first)).not.toContain('s3cret');
    } finally {
      await runner.stop();
    }
  }, 120_000);

  it('leaves nothing behind where the server ends meanwhile', async () => {
    const claude = program('claude', `trap '' TERM; ${sleep}`);
    const runner = await Runner.start(environment({ FERMILINK_CLAUDE_BIN: claude }));
    const asked = fetch(`${runner.url}/ops/providers`).catch(() => null);
    await eventually(
      () => processesWith(mark),
      (pids) => pids.length > 0,
    );
    expect(await runner.stop()).toBe(0);
    await asked;
    expect(processesWith(mark)).toEqual([]);
  }, 120_000);
});

import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { compileSource } from '../../test/support/compiled-source.js';
import type { RunnerConfig } from './runner-config.js';

const run = promisify(execFile);

interface Answer {
  config?: RunnerConfig;
  faults?: string[];
}

/** Home and working directory are a process's own; one process answers for several environments. */
const PROGRAM = `
  import { loadConfig } from './config/load-config.js';
  const answers = JSON.parse(process.argv[2]).map((env) => {
    try { return { config: loadConfig(env) }; } catch ({ faults }) { return { faults }; }
  });
  process.stdout.write(JSON.stringify(answers));
`;

let project: string;
let folder: string;
let home: string;
let here: string;

beforeAll(() => {
  project = realpathSync(mkdtempSync(join(tmpdir(), 'fermilink-config-built-')));
  compileSource(['common', 'config'], join(project, 'dist'));
  writeFileSync(join(project, 'dist', 'program.js'), PROGRAM);
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'fermilink-config-')));
  home = join(folder, 'home');
  here = join(folder, 'here');
  for (const path of [home, here]) mkdirSync(path);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function answersTo(
  environments: Record<string, string>[],
  own: Record<string, string> = { HOME: home },
): Promise<Answer[]> {
  const program = join(project, 'dist', 'program.js');
  const { stdout } = await run(process.execPath, [program, JSON.stringify(environments)], {
    cwd: here,
    env: own,
    timeout: 60_000,
  });
  return JSON.parse(stdout) as Answer[];
}

async function faultsOf(env: Record<string, string>): Promise<string[] | undefined> {
  return (await answersTo([env]))[0]?.faults;
}

async function loadAll(environments: Record<string, string>[]): Promise<RunnerConfig[]> {
  const answers = await answersTo(environments);
  expect(answers.flatMap(({ faults }) => faults ?? [])).toEqual([]);
  return answers.map(({ config }) => config!);
}

async function load(env: Record<string, string> = {}): Promise<RunnerConfig> {
  return (await loadAll([env]))[0]!;
}

/** A file, so that no folder can be made below it, not even by root. */
function barrier(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '');
  return path;
}

describe('the folders of the runner', () => {
  it('stand in ~/.fermilink and are made', async () => {
    const config = await load();
    expect(config).toMatchObject({
      home: join(home, '.fermilink'),
      workspacesRoot: join(home, '.fermilink', 'workspaces'),
      runtimeRoot: join(home, '.fermilink', 'runtime'),
      scientificPackagesRoot: join(home, '.fermilink', 'scientific_packages'),
      policyFile: join(home, '.fermilink', 'agent_runtime.json'),
    });
    for (const path of [config.workspacesRoot, config.runtimeRoot]) {
      expect(statSync(path).isDirectory()).toBe(true);
    }
    expect(statSync(config.runtimeRoot).mode & 0o777).toBe(0o700);
    expect(existsSync(join(here, 'workspaces'))).toBe(false);
    expect(config.warnings).toEqual([]);
  });

  it('follow FERMILINK_HOME, and each its own variable before that', async () => {
    const config = await load({
      FERMILINK_HOME: '~/f',
      FERMILINK_RUNTIME_ROOT: join(folder, 'state'),
      FERMILINK_SCIPKG_ROOT: 'packages',
    });
    expect(config).toMatchObject({
      home: join(home, 'f'),
      workspacesRoot: join(home, 'f', 'workspaces'),
      runtimeRoot: join(folder, 'state'),
      scientificPackagesRoot: join(here, 'packages'),
    });
  });

  it.each([
    ['FERMILINK_HOME', 'home'],
    ['FERMILINK_WORKSPACES_ROOT', 'workspacesRoot'],
    ['FERMILINK_RUNTIME_ROOT', 'runtimeRoot'],
    ['FERMILINK_SCIPKG_ROOT', 'scientificPackagesRoot'],
    ['FERMILINK_SCIENTIFIC_PACKAGES_ROOT', 'scientificPackagesRoot'],
    ['FERMILINK_MAXWELLLINK_ROOT', 'maxwellLinkRoot'],
  ] as const)('%s may be absolute, relative, or begin with ~', async (variable, setting) => {
    const values = [join(folder, 'a', 'b'), 'a/../b', '~/b', '~', '~b'];
    const configs = await loadAll(values.map((value) => ({ [variable]: value })));
    expect(configs.map((config) => config[setting])).toEqual([
      join(folder, 'a', 'b'),
      join(here, 'b'),
      join(home, 'b'),
      home,
      // Only a home of one's own has that short form.
      join(here, '~b'),
    ]);
  });

  it('FERMILINK_SCIPKG_ROOT wins over the longer name', async () => {
    const config = await load({
      FERMILINK_SCIPKG_ROOT: '/packages/a',
      FERMILINK_SCIENTIFIC_PACKAGES_ROOT: '/packages/b',
    });
    expect(config.scientificPackagesRoot).toBe('/packages/a');
  });

  it('have their links resolved', async () => {
    mkdirSync(join(folder, 'disk'));
    symlinkSync(join(folder, 'disk'), join(folder, 'link'));
    const config = await load({
      FERMILINK_WORKSPACES_ROOT: join(folder, 'link', 'w'),
      FERMILINK_RUNTIME_ROOT: join(folder, 'link', 'r'),
    });
    expect(config.workspacesRoot).toBe(join(folder, 'disk', 'w'));
    expect(config.runtimeRoot).toBe(join(folder, 'disk', 'r'));
  });
});

describe('a root that cannot be made', () => {
  it.each([
    ['below a file', () => join(barrier(join(folder, 'file')), 'x')],
    ['a file itself', () => barrier(join(folder, 'file'))],
  ])('of workspaces (%s) gives way to ./workspaces', async (_where, make) => {
    const root = make();
    const config = await load({ FERMILINK_WORKSPACES_ROOT: root });
    expect(config.workspacesRoot).toBe(join(here, 'workspaces'));
    expect(config.warnings).toEqual([
      `FERMILINK_WORKSPACES_ROOT is "${root}", but it cannot be made or written; "${config.workspacesRoot}" is used instead.`,
    ]);
    expect(statSync(config.workspacesRoot).isDirectory()).toBe(true);
  });

  it('of workspaces is a fault where ./workspaces is none either', async () => {
    barrier(join(here, 'workspaces'));
    const root = barrier(join(folder, 'file'));
    expect(await faultsOf({ FERMILINK_WORKSPACES_ROOT: root })).toEqual([
      `FERMILINK_WORKSPACES_ROOT is "${root}", but it must be a folder that the runner can make and write.`,
    ]);
  });

  it('of the runtime is a fault, and has no other place', async () => {
    const root = join(barrier(join(folder, 'file')), 'x');
    expect(await faultsOf({ FERMILINK_RUNTIME_ROOT: root })).toEqual([
      `FERMILINK_RUNTIME_ROOT is "${root}", but it must be a folder that the runner can make and write.`,
    ]);
  });
});

describe('a root in a place where nothing can be made', () => {
  it.each(['FERMILINK_HOME', 'FERMILINK_RUNTIME_ROOT'])(
    'is a fault of %s, and no endless search',
    async (variable) => {
      const runtimeRoot = variable === 'FERMILINK_HOME' ? '/proc/x/y/runtime' : '/proc/x/y';
      expect(await faultsOf({ [variable]: '/proc/x/y' })).toEqual([
        `FERMILINK_RUNTIME_ROOT is "${runtimeRoot}", but it must be a folder that the runner can make and write.`,
      ]);
    },
  );
});

describe('a folder that the runner only reads', () => {
  it.each([
    'FERMILINK_SOFTWARE_ROOT',
    'FERMILINK_SCIPKG_ROOT',
    'FERMILINK_SCIENTIFIC_PACKAGES_ROOT',
  ])('is a fault of %s where it is a file, or below one', async (variable) => {
    const file = barrier(join(folder, 'file'));
    for (const path of [file, join(file, 'x')]) {
      expect(await faultsOf({ [variable]: path })).toEqual([
        `${variable} is "${path}", but it must be a folder, or not exist yet.`,
      ]);
    }
    await load({ [variable]: join(folder, 'absent') });
  });
});

describe('an empty HOME', () => {
  it("gives way to the home in the system's list of users", async () => {
    const [answer] = await answersTo([{ FERMILINK_HOME: folder, FERMILINK_SCIPKG_ROOT: '~/p' }], {
      HOME: '',
    });
    const { homedir } = userInfo();
    expect(answer!.config!.scientificPackagesRoot).toBe(join(homedir, 'p'));
    expect(answer!.config!.codex.homes[0]).toBe(join(homedir, '.codex'));
  });
});

describe('the template', () => {
  it("is the project's own where the configured one is absent", async () => {
    const own = join(project, 'software');
    const config = await load({ FERMILINK_SOFTWARE_ROOT: join(folder, 'absent') });
    expect(config).toMatchObject({ templateRoot: own, ownTemplateRoot: own });
  });

  it('is the configured one where it exists', async () => {
    mkdirSync(join(home, 'software'));
    const config = await load({ FERMILINK_SOFTWARE_ROOT: '~/software' });
    expect(config.templateRoot).toBe(join(home, 'software'));
    expect(config.ownTemplateRoot).toBe(join(project, 'software'));
  });
});

describe('the program of a CLI', () => {
  // A name is for PATH; all else is a path of this process, not of the agent's folder.
  it.each(['codex', 'claude', 'gemini', 'opencode'])('%s', async (provider) => {
    const values = ['other', './bin/x', '~/bin/x', '/opt/bin/x'];
    const variable = `FERMILINK_${provider.toUpperCase()}_BIN`;
    const configs = await loadAll(values.map((value) => ({ [variable]: value })));
    expect(configs.map(({ binaries }) => binaries)).toEqual(
      ['other', join(here, 'bin', 'x'), join(home, 'bin', 'x'), '/opt/bin/x'].map((path) => ({
        [provider]: path,
      })),
    );
  });
});

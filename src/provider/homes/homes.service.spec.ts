import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { AGENTS, basesIn } from '../../../test/support/agent-settings.js';
import { RunnerConfig } from '../../config/runner-config.js';
import { adaptersFor } from '../adapters/index.js';
import { HomesService } from './homes.service.js';

const SILENT = pino({ enabled: false });

let folder: string;
let runs = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermilink-homes-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const base = (...names: string[]) => join(folder, 'base', ...names);
const home = (...names: string[]) => join(folder, 'runtime', 'homes', 's1', ...names);

function write(path: string, content = ''): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function config(mode: 'session' | 'shared' = 'session'): RunnerConfig {
  return new RunnerConfig({
    runtimeRoot: join(folder, 'runtime'),
    agents: { ...AGENTS, home: mode },
    agentBases: basesIn(base()),
    codex: {
      storedLogin: false,
      keys: { CODEX_API_KEY: null, OPENAI_API_KEY: null },
      homes: [base('.codex')],
    },
  } as unknown as RunnerConfig);
}

/** Prepares a home as a run does; gives what is left of the one before in the run's folder. */
async function prepare(provider: string, { mode, own = {} }: Options = {}) {
  const settings = config(mode);
  const adapters = adaptersFor(settings);
  const runFolder = join(folder, 'runtime', `run-${(runs += 1)}`);
  mkdirSync(runFolder, { recursive: true });
  const all = [...adapters.values()].flatMap((it) => it.home ?? []);
  const homes = new HomesService(settings, SILENT);
  const { home: agentHome } = adapters.get(provider)!;
  const endowment = await homes.endowmentOf(agentHome);
  const variables = await homes.prepare(
    {
      sessionId: 's1',
      repoPath: '/ws/s1/repo',
      runFolder,
      home: agentHome,
      endowment,
      settings: own,
    },
    all,
  );
  return { variables, settings: endowment.settings, left: readdirSync(runFolder) };
}
interface Options {
  mode?: 'session' | 'shared';
  own?: Record<string, string>;
}

async function keepLogin(provider: string): Promise<void> {
  const settings = config();
  const agentHome = adaptersFor(settings).get(provider)!.home!;
  await new HomesService(settings, SILENT).keepLogin(agentHome, 's1');
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe("a session's home", () => {
  it.each([
    ['codex', { CODEX_HOME: '.codex' }],
    ['claude', { CLAUDE_CONFIG_DIR: '.claude' }],
    ['gemini', { GEMINI_CLI_HOME: '' }],
    [
      'opencode',
      {
        XDG_CONFIG_HOME: '.config',
        XDG_DATA_HOME: '.local/share',
        XDG_STATE_HOME: '.local/state',
        XDG_CACHE_HOME: '.cache',
      },
    ],
    ['demo', {}],
  ])('is where the variables of %s lead', async (provider, folders) => {
    const { variables } = await prepare(provider);
    const places = Object.entries(folders).map(([name, path]) => [name, home(path)]);
    expect(variables).toEqual({ HOME: home(), ...Object.fromEntries(places) });
    for (const path of Object.values(variables)) {
      expect(modeOf(path)).toBe('700');
    }
  });

  it('has the settings of the administrator, and the login as a link', async () => {
    write(base('.codex', 'config.toml'), 'model = "m"\n');
    write(base('.codex', 'auth.json'), '{}');
    write(base('.codex', 'history.jsonl'), 'what others have asked');
    const { settings } = await prepare('codex');
    expect(readdirSync(home('.codex')).sort()).toEqual(['auth.json', 'config.toml']);
    expect(readlinkSync(home('.codex', 'auth.json'))).toBe(base('.codex', 'auth.json'));
    expect(readFileSync(home('.codex', 'config.toml'), 'utf8')).toBe('model = "m"\n');
    expect(lstatSync(home('.codex', 'config.toml')).isFile()).toBe(true);
    expect(modeOf(home('.codex', 'config.toml'))).toBe('600');
    expect(settings.get('.codex/config.toml')).toBe('model = "m"\n');
  });

  it('of claude knows nothing of where the administrator has worked', async () => {
    const state = { oauthAccount: { email: 'a@b' }, projects: { '/root': { history: ['x'] } } };
    write(base('.claude.json'), JSON.stringify(state));
    await prepare('claude');
    expect(JSON.parse(readFileSync(home('.claude', '.claude.json'), 'utf8'))).toEqual({
      oauthAccount: { email: 'a@b' },
    });
  });

  it('of opencode has its settings and its login in their folders', async () => {
    write(base('.config/opencode/opencode.jsonc'), '{} // mine');
    write(base('.local/share/opencode/auth.json'), '{}');
    await prepare('opencode');
    expect(readFileSync(home('.config/opencode/opencode.jsonc'), 'utf8')).toBe('{} // mine');
    expect(readlinkSync(home('.local/share/opencode/auth.json'))).toBe(
      base('.local/share/opencode/auth.json'),
    );
  });

  it('is not begun where settings of the administrator are no file', async () => {
    mkdirSync(base('.claude', 'settings.json'), { recursive: true });
    await expect(prepare('claude')).rejects.toMatchObject({
      code: 'spawn_failed',
      detail: "The administrator's settings.json is a folder, but it must be a regular file.",
    });
  });

  it("has the adapter's settings in the place of the administrator's", async () => {
    write(base('.codex', 'config.toml'), 'model = "m"\n');
    await prepare('codex', { own: { '.codex/config.toml': 'model = "n"\n' } });
    expect(readFileSync(home('.codex', 'config.toml'), 'utf8')).toBe('model = "n"\n');
  });

  it('has settings that the administrator has linked to', async () => {
    write(join(folder, 'mounted.toml'), 'model = "m"\n');
    mkdirSync(base('.codex'), { recursive: true });
    symlinkSync(join(folder, 'mounted.toml'), base('.codex', 'config.toml'));
    await prepare('codex');
    expect(lstatSync(home('.codex', 'config.toml')).isFile()).toBe(true);
  });
});

describe('from one run to the next', () => {
  const TALKS: [string, string][] = [
    ['codex', '.codex/sessions/2026/talk.jsonl'],
    ['claude', '.claude/projects/-ws-s1-repo/talk.jsonl'],
    ['gemini', '.gemini/tmp/repo/chats/talk.jsonl'],
    ['opencode', '.local/share/opencode/opencode.db'],
    ['opencode', '.local/share/opencode/opencode.db-wal'],
  ];

  it.each(TALKS)('%s finds its talks again, also after another CLI', async (provider, talk) => {
    await prepare(provider);
    write(home(talk), 'a talk');
    for (const next of [provider, 'demo', provider]) {
      await prepare(next);
      expect(readFileSync(home(talk), 'utf8')).toBe('a talk');
    }
  });

  it.each([
    ['codex', '.codex/config.toml'],
    ['codex', '.codex/AGENTS.md'],
    ['codex', '.codex/hooks.json'],
    ['codex', '.codex/skills/x/SKILL.md'],
    ['codex', '.codex/shell_snapshots/x.sh'],
    ['claude', '.claude/settings.json'],
    ['claude', '.claude/.claude.json'],
    ['claude', '.claude/plugins/x/hooks.json'],
    ['claude', '.claude/CLAUDE.md'],
    ['gemini', '.gemini/settings.json'],
    ['gemini', '.gemini/.env'],
    ['gemini', '.gemini/tmp/bin/rg'],
    ['gemini', '.gemini/tmp/repo/memory/skills/x/SKILL.md'],
    ['gemini', '.gemini/extensions/x/gemini-extension.json'],
    ['opencode', '.config/opencode/opencode.json'],
    ['opencode', '.config/opencode/plugin/x.ts'],
    ['opencode', '.local/share/opencode/snapshot/x/config'],
    ['opencode', '.cache/opencode/node_modules/x/index.js'],
    ['demo', '.bash_profile'],
    ['demo', '.profile'],
    ['demo', '.gitconfig'],
    ['demo', '.npmrc'],
    ['demo', '.config/git/config'],
    ['demo', '.ssh/config'],
  ])('%s finds no %s that an agent has left', async (provider, planted) => {
    await prepare(provider);
    write(home(planted), 'evil');
    await prepare(provider);
    expect(existsSync(home(planted))).toBe(false);
  });

  it('the settings are those of the administrator as they are now', async () => {
    write(base('.codex', 'config.toml'), 'model = "1"\n');
    await prepare('codex');
    write(home('.codex', 'config.toml'), 'notify = ["evil"]\n');
    write(base('.codex', 'config.toml'), 'model = "2"\n');
    await prepare('codex');
    expect(readFileSync(home('.codex', 'config.toml'), 'utf8')).toBe('model = "2"\n');
    rmSync(base('.codex', 'config.toml'));
    await prepare('codex');
    expect(existsSync(home('.codex', 'config.toml'))).toBe(false);
  });

  it.each(['codex', 'claude', 'gemini', 'demo'])(
    'nothing is left to be removed where %s has written nothing',
    async (provider) => {
      write(base('.codex', 'config.toml'));
      write(base('.codex', 'auth.json'), '{}');
      await prepare(provider);
      mkdirSync(home('.codex', 'sessions'), { recursive: true });
      expect((await prepare(provider)).left).toEqual([]);
    },
  );
});

describe('what an agent has put in the place of', () => {
  const PLANTS: [string, (path: string) => void][] = [
    ['a link', (path) => symlinkSync(base(), path)],
    ['a file', (path) => write(path, 'x')],
    ['a FIFO', (path) => void spawnSync('mkfifo', [path])],
    ['nothing', () => undefined],
  ];
  const fresh = () => {
    expect(readdirSync(home())).toEqual(['.codex']);
    expect(readdirSync(home('.codex'))).toEqual(['auth.json']);
    expect(readlinkSync(home('.codex', 'auth.json'))).toBe(base('.codex', 'auth.json'));
  };
  beforeEach(async () => {
    write(base('.codex', 'auth.json'), '{}');
    write(base('.codex', 'sessions', 'talk.jsonl'), "the administrator's");
    write(base('sessions', 'talk.jsonl'), "the administrator's");
    await prepare('codex');
  });
  afterEach(() => {
    expect(readFileSync(base('.codex', 'auth.json'), 'utf8')).toBe('{}');
    expect(existsSync(base('.codex', 'sessions', 'talk.jsonl'))).toBe(true);
    expect(existsSync(base('sessions', 'talk.jsonl'))).toBe(true);
  });

  it.each(PLANTS)('the home: %s', async (_what, plant) => {
    rmSync(home(), { recursive: true });
    plant(home());
    await keepLogin('codex');
    await prepare('codex');
    fresh();
  });

  it.each(PLANTS)("its CLI's folder: %s", async (_what, plant) => {
    rmSync(home('.codex'), { recursive: true });
    plant(home('.codex'));
    await keepLogin('codex');
    await prepare('codex');
    fresh();
  });

  it.each(PLANTS)('the login: %s', async (_what, plant) => {
    rmSync(home('.codex', 'auth.json'));
    plant(home('.codex', 'auth.json'));
    await keepLogin('codex');
    await prepare('codex');
    fresh();
  });

  it.each(PLANTS.filter(([what]) => what !== 'a file'))('its talks: %s', async (_what, plant) => {
    plant(home('.codex', 'sessions'));
    await prepare('codex');
    fresh();
  });

  it('a file of settings: a folder with much in it', async () => {
    write(base('.codex', 'config.toml'), 'model = "m"\n');
    for (let n = 0; n < 500; n += 1) write(home('.codex', 'config.toml', 'x'.repeat(200) + n));
    await prepare('codex');
    expect(readFileSync(home('.codex', 'config.toml'), 'utf8')).toBe('model = "m"\n');
  });

  it('the permissions of the home and its folders', async () => {
    write(home('.codex', 'sessions', 'talk.jsonl'), 'a talk');
    for (const path of [home('.codex', 'sessions'), home('.codex'), home()]) chmodSync(path, 0);
    await prepare('codex');
    expect(modeOf(home())).toBe('700');
    expect(modeOf(home('.codex'))).toBe('700');
  });
});

describe('a login that a CLI has renewed', () => {
  const LOGIN = { auth_mode: 'chatgpt', tokens: { account_id: 'a', access_token: '1' } };
  const renewed = (token: string) =>
    JSON.stringify({ ...LOGIN, tokens: { ...LOGIN.tokens, access_token: token } });
  const login = () => readFileSync(base('.codex', 'auth.json'), 'utf8');
  const place = () => home('.codex', 'auth.json');

  beforeEach(async () => {
    write(base('.codex', 'auth.json'), JSON.stringify(LOGIN));
    utimesSync(base('.codex', 'auth.json'), 1000, 1000);
    await prepare('codex');
  });

  /** As CLIs do that write beside and rename; the home is as an agent may have left it. */
  function renew(content: string, seconds = 2000): void {
    rmSync(place(), { recursive: true });
    writeFileSync(place(), content);
    utimesSync(place(), seconds, seconds);
  }

  it('becomes that of the administrator, with its time, for the server alone', async () => {
    renew(renewed('2'));
    await keepLogin('codex');
    expect(login()).toBe(renewed('2'));
    expect(statSync(base('.codex', 'auth.json')).mtimeMs).toBe(2_000_000);
    expect(modeOf(base('.codex', 'auth.json'))).toBe('600');
    expect(existsSync(place())).toBe(false);
  });

  it('is found by the next run where the server died before', async () => {
    renew(renewed('2'));
    await prepare('codex');
    expect(login()).toBe(renewed('2'));
    expect(readlinkSync(place())).toBe(base('.codex', 'auth.json'));
  });

  it('is dropped where another run has brought a newer one', async () => {
    renew(renewed('2'), 3000);
    await keepLogin('codex');
    await prepare('codex');
    renew(renewed('older'), 2500);
    await keepLogin('codex');
    expect(login()).toBe(renewed('2'));
  });

  it('keeps the link by which the administrator has it elsewhere', async () => {
    write(join(folder, 'secrets', 'auth.json'), JSON.stringify(LOGIN));
    utimesSync(join(folder, 'secrets', 'auth.json'), 1000, 1000);
    rmSync(base('.codex', 'auth.json'));
    symlinkSync(join(folder, 'secrets', 'auth.json'), base('.codex', 'auth.json'));
    renew(renewed('2'));
    await keepLogin('codex');
    expect(lstatSync(base('.codex', 'auth.json')).isSymbolicLink()).toBe(true);
    expect(login()).toBe(renewed('2'));
  });

  it('of a time to come does not keep out the one after it', async () => {
    renew(renewed('2'), Date.now() / 1000 + 86_400);
    await keepLogin('codex');
    expect(login()).toBe(renewed('2'));
    expect(statSync(base('.codex', 'auth.json')).mtimeMs).toBeLessThanOrEqual(Date.now());
  });

  it.each<[string, () => void]>([
    ['no JSON', () => renew('evil')],
    ['no object', () => renew('[]')],
    ['empty', () => renew('')],
    ['without what was in it', () => renew(JSON.stringify({ auth_mode: 'chatgpt' }))],
    ['of another kind', () => renew(JSON.stringify({ ...LOGIN, tokens: 'x' }))],
    [
      "another account's",
      () => renew(JSON.stringify({ ...LOGIN, tokens: { ...LOGIN.tokens, account_id: 'b' } })),
    ],
    [
      'huge',
      () => {
        renew(renewed('2'));
        truncateSync(place(), 2 ** 40);
        utimesSync(place(), 2000, 2000);
      },
    ],
  ])('is refused where it is %s', async (_what, plant) => {
    plant();
    await keepLogin('codex');
    expect(login()).toBe(JSON.stringify(LOGIN));
    await prepare('codex');
    expect(readlinkSync(place())).toBe(base('.codex', 'auth.json'));
  });

  it('is not taken where the administrator has none any more', async () => {
    rmSync(base('.codex', 'auth.json'));
    renew(renewed('2'));
    await keepLogin('codex');
    expect(existsSync(base('.codex', 'auth.json'))).toBe(false);
  });

  it('leaves the file of the administrator alone that an agent has linked to hard', async () => {
    rmSync(place());
    linkSync(base('.codex', 'auth.json'), place());
    await keepLogin('codex');
    expect(login()).toBe(JSON.stringify(LOGIN));
  });
});

describe('a shared home', () => {
  it("is the administrator's own, and nothing is made for the session", async () => {
    write(base('.codex', 'config.toml'), 'model = "m"\n');
    const { variables, settings } = await prepare('codex', { mode: 'shared' });
    expect(variables).toEqual({ CODEX_HOME: base('.codex') });
    expect(settings.get('.codex/config.toml')).toBe('model = "m"\n');
    expect((await prepare('claude', { mode: 'shared' })).variables).toEqual({});
    expect((await prepare('gemini', { mode: 'shared' })).variables).toEqual({});
    expect((await prepare('demo', { mode: 'shared' })).variables).toEqual({});
    expect((await prepare('opencode', { mode: 'shared' })).variables).toEqual(
      basesIn(base()).opencode,
    );
    expect(existsSync(join(folder, 'runtime', 'homes'))).toBe(false);
  });
});

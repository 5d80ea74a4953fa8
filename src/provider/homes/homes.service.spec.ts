import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { basesIn } from '../../../test/support/agent-settings.js';
import { modeOf, openHomes, write } from '../../../test/support/homes.js';

const { at, base, home, prepare } = openHomes();

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
    write(at('mounted.toml'), 'model = "m"\n');
    mkdirSync(base('.codex'), { recursive: true });
    symlinkSync(at('mounted.toml'), base('.codex', 'config.toml'));
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
    const content = talk.endsWith('.db') ? 'SQLite format 3\0 and a talk' : 'a talk';
    await prepare(provider);
    write(home(talk), content);
    for (const next of [provider, 'demo', provider]) {
      await prepare(next);
      expect(readFileSync(home(talk), 'utf8')).toBe(content);
    }
  });

  it('they stay while a process of an earlier run writes into its home', async () => {
    await prepare('codex');
    const talk = home('.codex/sessions/2026/talk.jsonl');
    write(talk, 'a talk');
    const child = spawn('sh', ['-c', `while :; do mkdir -p '${home('.cache/x')}'; done`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    child.stdout.resume();
    try {
      let seen = 0;
      for (let run = 0; run < 200 && seen < 20; run += 1) {
        const { left } = await prepare('codex');
        if (left.some((name) => /^home-before-/.test(name))) seen += 1;
        expect(readFileSync(talk, 'utf8')).toBe('a talk');
      }
    } finally {
      child.kill('SIGKILL');
      // The shell's last command holds the pipe too: it may outlive the shell, and make one folder more.
      await once(child, 'close');
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
    expect(existsSync(at('runtime', 'homes'))).toBe(false);
  });
});

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { pino } from 'pino';
import { AGENTS, CODEX, basesIn } from '../../test/support/agent-settings.js';
import { RunnerConfig } from '../config/runner-config.js';
import { adaptersFor } from './adapters/index.js';
import { HomesService } from './homes/homes.service.js';
import { TalksService } from './talks.service.js';

const UUID = '01a2100f-3a94-7000-b255-3a79078e29a1';
const OTHER = '01a2100f-3a94-7000-b255-000000000000';
const SESSION = 'ses_4d1a2b3cffeXYZabcdef012345';

/** Where each CLI keeps the talk of an id, in a home. */
const PLACES: [string, string, (id: string) => string][] = [
  ['codex', UUID, (id) => `.codex/sessions/2026/11/25/rollout-2026-11-25T15-53-50-${id}.jsonl`],
  ['claude', UUID, (id) => `.claude/projects/-ws-s1-repo/${id}.jsonl`],
  [
    'gemini',
    UUID,
    (id) => `.gemini/tmp/repo/chats/session-2026-11-25T15-53-${id.slice(0, 8)}.json`,
  ],
];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermilink-talks-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(home: 'session' | 'shared' = 'session') {
  const config = new RunnerConfig({
    runtimeRoot: join(folder, 'runtime'),
    agents: { ...AGENTS, home },
    agentBases: basesIn(join(folder, 'base')),
    codex: { ...CODEX, homes: [join(folder, 'base', '.codex')] },
  } as unknown as RunnerConfig);
  const silent = pino({ enabled: false });
  const talks = new TalksService(config, new HomesService(config, silent), silent);
  const adapters = adaptersFor(config);
  return {
    remember: (provider: string, id: string | null, wasResumed = false) =>
      talks.remember(
        adapters.get(provider)!,
        's1',
        id === null ? null : { id, counted: null, costUsd: null },
        wasResumed,
      ),
    last: async (provider: string, session = 's1') =>
      (await talks.lastOf(adapters.get(provider)!, session))?.id ?? null,
  };
}

const inHome = (path: string) => join(folder, 'runtime', 'homes', 's1', path);
function write(path: string, content = ''): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

describe('the last talk of a session', () => {
  it.each(PLACES)('with %s is found where the CLI keeps it', async (provider, id, pathOf) => {
    const { remember, last } = open();
    remember(provider, id);
    write(inHome(pathOf(OTHER.replace('01a2', 'ffff'))));
    expect(await last(provider)).toBeNull();
    write(inHome(pathOf(id)));
    expect(await last(provider)).toBe(id);
    // After a restart too, and of this session and provider alone.
    expect(await open().last(provider)).toBe(id);
    expect(await last(provider, 's2')).toBeNull();
    expect(await last('opencode')).toBeNull();
  });

  it.each([0, 1024 * 1024 - 10])('with opencode is found in its database (%d)', async (at) => {
    const { remember, last } = open();
    remember('opencode', SESSION);
    const database = inHome('.local/share/opencode/opencode.db');
    write(database, '\0'.repeat(at));
    expect(await last('opencode')).toBeNull();
    write(database, `${'\0'.repeat(at)}${SESSION}${'\0'.repeat(2000)}`);
    expect(await last('opencode')).toBe(SESSION);
  });

  it.each(PLACES)(
    "with %s is found in the administrator's home too",
    async (provider, id, path) => {
      const { remember, last } = open('shared');
      remember(provider, id);
      expect(await last(provider)).toBeNull();
      write(join(folder, 'base', path(id)));
      expect(await last(provider)).toBe(id);
    },
  );

  it('is the newest that the CLI has named', async () => {
    const { remember, last } = open();
    const [, , pathOf] = PLACES[0]!;
    for (const id of [UUID, OTHER]) write(inHome(pathOf(id)));
    remember('codex', UUID);
    remember('codex', OTHER);
    remember('codex', null);
    expect(await last('codex')).toBe(OTHER);
    // One that was not taken up is not tried again.
    remember('codex', null, true);
    expect(await last('codex')).toBeNull();
  });

  it.each(['--help', '-', '', `${UUID} x`, `../${UUID}`, UUID.toUpperCase(), SESSION])(
    'is never one with the id %j',
    async (id) => {
      const { remember, last } = open();
      remember('codex', id);
      write(inHome(`.codex/sessions/x-${id}.jsonl`));
      expect(await last('codex')).toBeNull();
    },
  );

  it('is gone where an agent has put something else in its place', async () => {
    const { remember, last } = open();
    const [, , pathOf] = PLACES[0]!;
    remember('codex', UUID);
    const path = inHome(pathOf(UUID));
    write(join(folder, 'elsewhere', `x-${UUID}.jsonl`));
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(join(folder, 'elsewhere', `x-${UUID}.jsonl`), path);
    expect(await last('codex')).toBeNull();
    rmSync(path);
    spawnSync('mkfifo', [path]);
    expect(await last('codex')).toBeNull();
    rmSync(inHome('.codex/sessions'), { recursive: true });
    symlinkSync(join(folder, 'elsewhere'), inHome('.codex/sessions'));
    expect(await last('codex')).toBeNull();
    rmSync(inHome('.codex/sessions'));
    for (let n = 0; n < 20_010; n += 1) write(inHome(`.codex/sessions/${n}`));
    write(inHome(`.codex/sessions/z/x-${UUID}.jsonl`));
    expect(await last('codex')).toBeNull();
  });

  it('is gone where what was remembered is damaged, and is remembered again', async () => {
    const { remember, last } = open();
    const [, , pathOf] = PLACES[0]!;
    write(inHome(pathOf(UUID)));
    const file = join(folder, 'runtime', 'talks', 's1.json');
    for (const damage of ['', '{', '[]', '{"codex": 1}', '{"codex": {"id": ["x"]}}']) {
      write(file, damage);
      expect(await last('codex')).toBeNull();
    }
    remember('codex', UUID);
    expect(await last('codex')).toBe(UUID);
    expect(readFileSync(file, 'utf8')).toContain(UUID);
  });
});

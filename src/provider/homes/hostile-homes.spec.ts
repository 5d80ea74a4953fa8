import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { modeOf, openHomes, write } from '../../../test/support/homes.js';

const { base, home, keepLogin, prepare } = openHomes();

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

  it.each(PLANTS)('its talks: %s', async (_what, plant) => {
    plant(home('.codex', 'sessions'));
    await prepare('codex');
    fresh();
  });

  it('the database of opencode: none, or another file', async () => {
    const database = home('.local/share/opencode/opencode.db');
    for (const content of ['garbage', 'SQLite format 4\0']) {
      write(database, content);
      await prepare('opencode');
      expect(existsSync(database)).toBe(false);
    }
    mkdirSync(database, { recursive: true });
    await prepare('opencode');
    expect(existsSync(database)).toBe(false);
    // It makes a database of an empty file.
    write(database);
    await prepare('opencode');
    expect(existsSync(database)).toBe(true);
    await prepare('codex');
    rmSync(home('.local'), { recursive: true });
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

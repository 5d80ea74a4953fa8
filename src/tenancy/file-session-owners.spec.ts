import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSessionOwners } from './file-session-owners.js';

describe('the owners of sessions', () => {
  let folder: string;
  const owners = () => new FileSessionOwners(folder);
  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'fermilink-test-')), 'owners');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('are kept, for the next server too', async () => {
    const first = owners();
    expect(first.ownerOf('s')).toBeNull();
    expect(await first.claim('s', 'user:ada')).toBe(true);
    expect(first.ownerOf('s')).toBe('user:ada');
    const next = owners();
    expect(next.ownerOf('s')).toBe('user:ada');
    expect(Date.parse(next.ownershipOf('s')!.since)).toBeLessThanOrEqual(Date.now());
    expect(statSync(join(folder, 's.json')).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('are one for each session, however many want it at once', async () => {
    const both = [owners(), owners()];
    const names = Array.from({ length: 40 }, (_, at) => `user:${at}`);
    const won = await Promise.all(names.map((name, at) => both[at % 2]!.claim('s', name)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(both.map((it) => it.ownerOf('s'))).toEqual(Array(2).fill(names[won.indexOf(true)]));
    expect(readdirSync(folder)).toEqual(['s.json']);
  });

  it('are forgotten with their session, which another may then have', async () => {
    const all = owners();
    await all.claim('s', 'user:ada');
    all.forget('s');
    all.forget('never');
    expect(all.ownerOf('s')).toBeNull();
    expect(await all.claim('s', 'user:bob')).toBe(true);
    expect(all.ownerOf('s')).toBe('user:bob');
  });

  it('of a record that cannot be read are nobody, and nobody may become it', async () => {
    const all = owners();
    for (const text of ['', '{', '[]', '{"owner": 7, "since": ""}', '{"owner": "user:ada"}']) {
      writeFileSync(join(folder, 's.json'), text);
      expect(owners().ownerOf('s')).toBe('');
      expect(await all.claim('s', 'user:ada')).toBe(false);
    }
  });

  it('are looked for nowhere else', async () => {
    writeFileSync(join(folder, '..', 'x.json'), '{"owner": "user:ada", "since": ""}');
    for (const id of ['../x', '..', '', '.x', 'a/b', 'x'.repeat(129)]) {
      expect(owners().ownerOf(id)).toBeNull();
      owners().forget(id);
      await expect(owners().claim(id, 'user:ada')).rejects.toThrow();
    }
    expect(existsSync(join(folder, '..', 'x.json'))).toBe(true);
  });

  it('of many sessions are not all kept in memory', async () => {
    const all = owners();
    for (let at = 0; at < 10_050; at += 1) {
      writeFileSync(join(folder, `s${at}.json`), `{"owner": "user:${at}", "since": ""}`);
      all.ownerOf(`s${at}`);
    }
    const { size } = (all as unknown as { known: Map<string, unknown> }).known;
    expect(size).toBe(10_000);
    expect(all.ownerOf('s0')).toBe('user:0');
  });
});

import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Directory } from '../common/directory.js';
import { loadConfig } from '../config/load-config.js';
import { GitRepositoryService } from './git-repository.service.js';

describe('GitRepositoryService', () => {
  let home: string;
  let bin: string;
  let git: GitRepositoryService;
  const calls = () => readFileSync(join(home, 'calls'), 'utf8').split('\n').length - 1;
  const folders = () =>
    readdirSync(join(home, 'runtime')).filter((name) => name.startsWith('git-'));

  /** The real git behind a script that notes how it was called. */
  const installGit = () => {
    const real = execFileSync('which', ['git'], { encoding: 'utf8' }).trim();
    writeFileSync(
      join(bin, 'git'),
      `#!/bin/sh\necho "$* HOME=$HOME" >> ${home}/calls\nexec ${real} "$@"\n`,
      { mode: 0o755 },
    );
  };

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'fermilink-git-'));
    bin = join(home, 'bin');
    mkdirSync(bin);
    git = new GitRepositoryService(
      loadConfig({ FERMILINK_HOME: home, PATH: `${bin}`, HOME: '/somewhere' }),
    );
  });
  afterEach(async () => {
    await git.onModuleDestroy();
    rmSync(home, { recursive: true });
  });

  const ensure = async (session: string) => {
    const path = join(home, 'workspaces', session);
    mkdirSync(join(path, 'repo'), { recursive: true });
    const workspace = await Directory.open(path);
    const repo = await workspace.openSub('repo');
    try {
      await git.ensure(workspace, repo, new AbortController().signal);
    } finally {
      await repo.close();
      await workspace.close();
    }
    expect(readdirSync(path)).toEqual(['repo']);
    return join(path, 'repo');
  };
  const all = (...sessions: string[]) => Promise.all(sessions.map(ensure));
  const isRepository = (path: string) =>
    execFileSync('git', ['rev-parse', '--is-inside-work-tree'], { cwd: path, encoding: 'utf8' });

  it('runs git once for all sessions, without a home', async () => {
    installGit();
    const paths = await all('a', 'b', 'c');
    await ensure('d');
    await ensure('a');
    expect(readFileSync(join(home, 'calls'), 'utf8')).toBe('init -q HOME=\n');
    for (const path of paths) expect(isRepository(path)).toBe('true\n');
    expect(folders()).toHaveLength(1);
  });

  it('makes one new repository when several sessions find the old one gone', async () => {
    installGit();
    await ensure('a');
    rmSync(join(home, 'runtime', folders()[0]!), { recursive: true });
    await all('b', 'c', 'd', 'e');
    expect(calls()).toBe(2);
    expect(folders()).toHaveLength(1);
  });

  it('never copies a repository that has lost a part', async () => {
    installGit();
    await ensure('a');
    unlinkSync(join(home, 'runtime', folders()[0]!, '.git', 'HEAD'));
    const path = await ensure('b');
    expect(statSync(join(path, '.git', 'HEAD')).isFile()).toBe(true);
    expect(calls()).toBe(2);
  });

  it('says that git is missing or broken, leaves nothing behind, and tries again', async () => {
    const refusal = { code: 'workspace_failed', detail: expect.stringContaining('git') };
    await expect(ensure('a')).rejects.toMatchObject(refusal);
    writeFileSync(join(bin, 'git'), '#!/bin/sh\nexit 3\n', { mode: 0o755 });
    const refused = await Promise.allSettled(['a', 'b', 'c'].map(ensure));
    for (const it of refused) expect(it).toMatchObject({ status: 'rejected', reason: refusal });
    expect(folders()).toEqual([]);
    installGit();
    expect(isRepository(await ensure('a'))).toBe('true\n');
  });

  it('replaces what is no repository without touching what it points to', async () => {
    installGit();
    const outside = join(home, 'outside');
    mkdirSync(outside);
    const path = await ensure('a');
    rmSync(join(path, '.git'), { recursive: true });
    symlinkSync(outside, join(path, '.git'));
    await ensure('a');
    expect(isRepository(path)).toBe('true\n');
    expect(readdirSync(outside)).toEqual([]);
  });

  it('removes its folder at the end', async () => {
    installGit();
    await ensure('a');
    await git.onModuleDestroy();
    expect(folders()).toEqual([]);
  });
});

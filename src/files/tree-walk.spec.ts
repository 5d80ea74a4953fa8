import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Directory } from '../common/directory.js';
import { walkTree } from './tree-walk.js';

describe('a walk through a tree', () => {
  let base: string;
  let top: Directory;
  beforeEach(async () => {
    base = mkdtempSync(join(tmpdir(), 'fermilink-walk-'));
    mkdirSync(join(base, 'top'));
    top = await Directory.open(join(base, 'top'));
  });
  afterEach(async () => {
    await top.close();
    rmSync(base, { recursive: true });
  });
  const at = (...names: string[]) => join(base, 'top', ...names);
  const walk = () => walkTree(top, { skips: (name) => name === 'skipped' });
  const all = async () => {
    const paths: string[] = [];
    for await (const { path, kind } of walk()) paths.push(`${kind} ${path.toString()}`);
    return paths.sort();
  };
  const opened = () => readdirSync('/proc/self/fd').length;

  it('comes to everything once, whatever it is, and follows no link', async () => {
    mkdirSync(at('a', 'b'), { recursive: true });
    mkdirSync(at('a', 'skipped', 'c'), { recursive: true });
    writeFileSync(at('a', 'b', 'f'), '');
    symlinkSync('/etc', at('l'));
    expect(await all()).toEqual(['file a/b/f', 'folder a', 'folder a/b', 'link l']);
  });

  it('goes deep with few descriptors, and comes back up to what is beside', async () => {
    let path = at();
    for (let depth = 0; depth < 200; depth += 1) {
      path = join(path, 'd');
      mkdirSync(path);
      if (depth % 50 === 10) mkdirSync(join(path, 'beside'));
    }
    const before = opened();
    let most = 0;
    let count = 0;
    for await (const found of walk()) {
      expect(found.kind).toBe('folder');
      count += 1;
      most = Math.max(most, opened() - before);
    }
    expect(count).toBe(204);
    expect(most).toBeLessThan(40);
    expect(opened()).toBe(before);
  });

  it('leaves out what has a longer path than the system takes', async () => {
    // No path leads that deep: each folder is made from the one above.
    const script = 'for (1 .. 3000) { mkdir "d"; chdir "d"; open(my $file, ">", "f") or die }';
    execFileSync('perl', ['-e', script], { cwd: at() });
    let longest = 0;
    let count = 0;
    for await (const { path } of walk()) {
      longest = Math.max(longest, path.length);
      count += 1;
    }
    expect(longest).toBe(4095);
    // A folder and a file on each level.
    expect(count).toBe(4095);
    // It is too deep for what removes the rest.
    execFileSync('rm', ['-rf', at('d')]);
  });

  it('is given up where a folder that it has to come back to was moved away', async () => {
    mkdirSync(at(...Array.from({ length: 60 }, () => 'd')), { recursive: true });
    mkdirSync(join(base, 'elsewhere'));
    writeFileSync(join(base, 'elsewhere', 'secret'), '');
    const before = opened();
    const seen: string[] = [];
    const moved = async () => {
      for await (const { path } of walk()) {
        seen.push(path.toString());
        if (seen.length === 60) {
          renameSync(at(...Array.from({ length: 10 }, () => 'd')), join(base, 'elsewhere', 'd'));
        }
      }
    };
    await expect(moved()).rejects.toThrow('moved');
    expect(seen.join()).not.toContain('secret');
    expect(opened()).toBe(before);
  });
});

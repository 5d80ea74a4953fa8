import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Directory } from '../common/directory.js';
import { copyTree } from './copy-tree.js';

describe('copyTree', () => {
  let base: string;
  let source: string;
  let outside: string;
  let parent: Directory;
  const made = (...names: string[]) => join(base, 'workspace', 'copy', ...names);
  const descriptors = () => readdirSync('/proc/self/fd').length;

  beforeEach(async () => {
    base = mkdtempSync(join(tmpdir(), 'fermilink-copy-'));
    source = join(base, 'source');
    outside = join(base, 'outside');
    mkdirSync(join(source, 'deep', 'er'), { recursive: true });
    mkdirSync(outside);
    mkdirSync(join(base, 'workspace'));
    writeFileSync(join(source, 'tool'), 'run', { mode: 0o755 });
    writeFileSync(join(source, 'deep', 'er', 'text'), 'text');
    parent = await Directory.open(join(base, 'workspace'));
  });
  afterEach(async () => {
    await parent.close();
    rmSync(base, { recursive: true });
  });

  /** A signal that lets something happen each time the copy looks at it. */
  const withEach = (happen: () => void) => {
    const { signal } = new AbortController();
    signal.throwIfAborted = happen;
    return signal;
  };
  const calm = () => new AbortController().signal;

  it('copies files, folders and modes, and links as what they point to', async () => {
    symlinkSync('tool', join(source, 'to-file'));
    symlinkSync('deep', join(source, 'to-folder'));
    await copyTree(source, parent, 'copy', calm());
    expect(readFileSync(made('deep', 'er', 'text'), 'utf8')).toBe('text');
    expect(lstatSync(made('tool')).mode & 0o777).toBe(0o755);
    expect(lstatSync(made('to-file')).isFile()).toBe(true);
    expect(lstatSync(made('to-folder')).isDirectory()).toBe(true);
    expect(readFileSync(made('to-folder', 'er', 'text'), 'utf8')).toBe('text');
  });

  it('never writes through links that appear while it works', async () => {
    const plant = (path: string) => {
      if (!existsSync(path)) symlinkSync(outside, path);
    };
    const signal = withEach(() => {
      plant(made('deep'));
      plant(made('tool'));
    });
    await expect(copyTree(source, parent, 'copy', signal)).rejects.toMatchObject({
      code: 'EEXIST',
    });
    expect(readdirSync(outside)).toEqual([]);
  });

  it('stays in the folder that it made when a link takes its place', async () => {
    let swapped = false;
    const signal = withEach(() => {
      if (swapped) return;
      swapped = true;
      renameSync(made(), made('..', 'moved'));
      symlinkSync(outside, made());
    });
    await copyTree(source, parent, 'copy', signal);
    expect(swapped).toBe(true);
    expect(readdirSync(outside)).toEqual([]);
    expect(readdirSync(made('..', 'moved')).sort()).toEqual(['deep', 'tool']);
  });

  it('stops when it is told to, and begins anew over what it left', async () => {
    const before = descriptors();
    let looks = 0;
    const stopping = withEach(() => {
      looks += 1;
      if (looks === 3) throw new Error('stopped');
    });
    await expect(copyTree(source, parent, 'copy', stopping)).rejects.toThrow('stopped');
    expect(existsSync(made())).toBe(true);
    expect(descriptors()).toBe(before);
    writeFileSync(made('rest'), '');
    await copyTree(source, parent, 'copy', calm());
    expect(readdirSync(made()).sort()).toEqual(['deep', 'tool']);
    expect(descriptors()).toBe(before);
  });

  it.each([
    ['a FIFO', (path: string) => void execFileSync('mkfifo', [path])],
    ['a symbolic link', (path: string) => symlinkSync('/nowhere/at/all', path)],
    ['a symbolic link', (path: string) => symlinkSync(path, path)],
  ])('says where in the template %s is that it cannot copy', async (found, plant) => {
    plant(join(source, 'deep', 'bad'));
    const before = descriptors();
    await expect(copyTree(source, parent, 'copy', calm())).rejects.toMatchObject({
      code: 'workspace_failed',
      detail: expect.stringContaining(`"deep/bad" in the template of workspaces is ${found}`),
    });
    expect(descriptors()).toBe(before);
  });
});

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
import { signalThat } from '../../test/support/signals.js';
import { Directory } from './directory.js';
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

  const copy = (look: () => void = () => undefined, links: 'follow' | 'skip' = 'follow') =>
    copyTree(source, parent, 'copy', {
      links,
      signal: signalThat(look),
    });

  it('copies files, folders and modes, and links as what they point to', async () => {
    symlinkSync('tool', join(source, 'to-file'));
    symlinkSync('deep', join(source, 'to-folder'));
    await copy();
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
    const planting = () => {
      plant(made('deep'));
      plant(made('tool'));
    };
    await expect(copy(planting)).rejects.toMatchObject({
      code: 'EEXIST',
    });
    expect(readdirSync(outside)).toEqual([]);
  });

  it('stays in the folder that it made when a link takes its place', async () => {
    let swapped = false;
    await copy(() => {
      if (swapped) return;
      swapped = true;
      renameSync(made(), made('..', 'moved'));
      symlinkSync(outside, made());
    });
    expect(swapped).toBe(true);
    expect(readdirSync(outside)).toEqual([]);
    expect(readdirSync(made('..', 'moved')).sort()).toEqual(['deep', 'tool']);
  });

  it('stops when it is told to, leaves nothing, and begins anew over what a crash left', async () => {
    const before = descriptors();
    let looks = 0;
    const stopping = () => {
      looks += 1;
      if (looks === 3) throw new Error('stopped');
    };
    await expect(copy(stopping)).rejects.toThrow('stopped');
    expect(existsSync(made())).toBe(false);
    expect(descriptors()).toBe(before);
    mkdirSync(made());
    writeFileSync(made('rest'), '');
    await copy();
    expect(readdirSync(made()).sort()).toEqual(['deep', 'tool']);
    expect(descriptors()).toBe(before);
  });

  const UNCOPIABLE: [string, (path: string) => void][] = [
    ['a FIFO', (path) => void execFileSync('mkfifo', [path])],
    ['a symbolic link', (path) => symlinkSync('/nowhere/at/all', path)],
    ['a symbolic link', (path) => symlinkSync(path, path)],
  ];
  it.each(UNCOPIABLE)(
    'says where %s is that it cannot copy, or leaves it out',
    async (found, plant) => {
      plant(join(source, 'deep', 'bad'));
      const before = descriptors();
      const refusal = { name: 'UncopiableError', place: 'deep/bad', found };
      await expect(copy()).rejects.toMatchObject(refusal);
      await copy(undefined, 'skip');
      expect(readdirSync(made('deep'))).toEqual(['er']);
      expect(descriptors()).toBe(before);
    },
  );

  it('follows no link where links are left out', async () => {
    symlinkSync(outside, join(source, 'deep', 'out'));
    symlinkSync('../tool', join(source, 'deep', 'near'));
    await copy(undefined, 'skip');
    expect(readdirSync(made('deep'))).toEqual(['er']);
    source = join(source, 'deep', 'out');
    await copy(undefined, 'skip');
    expect(existsSync(made())).toBe(false);
  });

  it('copies names that are no text in UTF-8', async () => {
    const bytes = (...parts: string[]) => Buffer.from(parts.join('/'), 'latin1');
    mkdirSync(bytes(source, 'd\xff'));
    writeFileSync(bytes(source, 'd\xff', 'caf\xe9.txt'), 'coffee');
    for (const links of ['follow', 'skip'] as const) {
      await copy(undefined, links);
      expect(readFileSync(bytes(made(), 'd\xff', 'caf\xe9.txt'), 'utf8')).toBe('coffee');
    }
  });

  it('copies a single file', async () => {
    source = join(source, 'tool');
    await copy();
    expect(readFileSync(made(), 'utf8')).toBe('run');
  });
});

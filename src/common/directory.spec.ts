import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Directory, isFolder } from './directory.js';
import { readRegularFile } from './regular-file.js';

let base: string;
let outside: string;
let folder: Directory;
const path = (...names: string[]) => join(base, 'folder', ...names);
const descriptors = () => readdirSync('/proc/self/fd').length;
const mkfifo = (at: string) => void execFileSync('mkfifo', [at]);
const bindSocket = (at: string) =>
  void execFileSync(process.execPath, [
    '-e',
    'require("net").createServer().listen(process.argv[1], () => process.exit())',
    at,
  ]);

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'fermilink-directory-'));
  outside = join(base, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'file'), 'untouched');
  mkdirSync(path());
  folder = await Directory.open(path());
});
afterEach(async () => {
  await folder.close();
  rmSync(base, { recursive: true });
});

/** What may stand in a place where a folder or a file is expected. */
const STRANGERS: [string, (at: string) => void][] = [
  ['a symbolic link', (at) => symlinkSync(outside, at)],
  ['a symbolic link', (at) => symlinkSync(join(outside, 'file'), at)],
  ['a symbolic link', (at) => symlinkSync('/nowhere/at/all', at)],
  ['a FIFO', mkfifo],
  ['a socket', bindSocket],
];

describe('a folder held by descriptor', () => {
  it.each([...STRANGERS, ['a regular file', (at: string) => writeFileSync(at, '')] as const])(
    'is never opened where there is %s',
    async (found, plant) => {
      plant(path('x'));
      const before = descriptors();
      const refusal = { name: 'UnsafePathError', path: path('x'), found, expected: 'a folder' };
      await expect(Directory.open(path('x'))).rejects.toMatchObject(refusal);
      await expect(folder.openSub('x')).rejects.toMatchObject(refusal);
      await expect(folder.ensureSub('x')).rejects.toMatchObject(refusal);
      expect(descriptors()).toBe(before);
    },
  );

  it.each(['', '.', '..', 'a/b', '/etc/passwd', '../outside', 'a\0b'])(
    'takes %j for no name of an entry',
    async (name) => {
      const fault = /not one name of an entry/;
      expect(() => folder.at(name)).toThrow(fault);
      await expect(folder.openSub(name)).rejects.toThrow(fault);
      await expect(folder.readFile(name, 10)).rejects.toThrow(fault);
      await expect(folder.replaceFile(name, 'x')).rejects.toThrow(fault);
      await expect(folder.createLink(name, 'x')).rejects.toThrow(fault);
      await expect(folder.remove(name)).rejects.toThrow(fault);
      expect(readdirSync(path())).toEqual([]);
      expect(readdirSync(outside)).toEqual(['file']);
    },
  );

  it('stays the same folder when a link takes its place', async () => {
    renameSync(path(), join(base, 'moved'));
    symlinkSync(outside, path());
    await folder.replaceFile('a', 'text');
    await (await folder.ensureSub('sub')).close();
    await folder.remove('file');
    expect(readdirSync(join(base, 'moved')).sort()).toEqual(['a', 'sub']);
    expect(readdirSync(outside)).toEqual(['file']);
  });

  it('makes a sub-folder once', async () => {
    await (await folder.ensureSub('sub', 0o700)).close();
    writeFileSync(path('sub', 'x'), '');
    await (await folder.ensureSub('sub', 0o700)).close();
    expect(statSync(path('sub')).mode & 0o777).toBe(0o700);
    expect(readdirSync(path('sub'))).toEqual(['x']);
  });
});

describe('a file in a folder held by descriptor', () => {
  it.each([...STRANGERS, ['a folder', (at: string) => mkdirSync(at)] as const])(
    'is never read where there is %s',
    async (found, plant) => {
      plant(path('x'));
      const before = descriptors();
      await expect(folder.readFile('x', 100)).rejects.toMatchObject({
        name: 'UnsafePathError',
        path: path('x'),
        found,
      });
      expect(descriptors()).toBe(before);
    },
  );

  it('is read up to the stated size and not beyond', async () => {
    writeFileSync(path('x'), 'four');
    expect((await folder.readFile('x', 4))?.toString()).toBe('four');
    await expect(folder.readFile('x', 3)).rejects.toMatchObject({
      found: '4 bytes long',
      expected: 'at most 3',
    });
    expect(await folder.readFile('absent', 3)).toBeNull();
  });

  it.each([...STRANGERS, ['a regular file', (at: string) => writeFileSync(at, 'old')] as const])(
    'replaces %s without touching what it leads to',
    async (_found, plant) => {
      plant(path('x'));
      await folder.replaceFile('x', 'new', { mode: 0o600, sync: true });
      expect(lstatSync(path('x')).isFile()).toBe(true);
      expect(statSync(path('x')).mode & 0o777).toBe(0o600);
      expect(readFileSync(path('x'), 'utf8')).toBe('new');
      expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('untouched');
      expect(readdirSync(path())).toEqual(['x']);
    },
  );

  it('never replaces a folder, and leaves no temporary file behind', async () => {
    mkdirSync(path('x'));
    await expect(folder.replaceFile('x', 'new')).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(folder.replaceLink('x', 'target')).rejects.toMatchObject({ code: 'EISDIR' });
    expect(readdirSync(path())).toEqual(['x']);
  });

  it('is created only where nothing stands, not even a dangling link', async () => {
    expect(await folder.createFile('x', 'first')).toBe(true);
    expect(await folder.createFile('x', 'second')).toBe(false);
    expect(readFileSync(path('x'), 'utf8')).toBe('first');
    symlinkSync(join(outside, 'made'), path('link'));
    expect(await folder.createFile('link', 'text')).toBe(false);
    expect(readdirSync(outside)).toEqual(['file']);
    expect(readdirSync(path()).sort()).toEqual(['link', 'x']);
  });
});

describe('a link in a folder held by descriptor', () => {
  it('is made only where nothing stands, or replaces what is no folder', async () => {
    expect(await folder.createLink('x', 'one')).toBe(true);
    expect(await folder.createLink('x', 'two')).toBe(false);
    expect(readlinkSync(path('x'))).toBe('one');
    await folder.replaceLink('x', 'two');
    expect(await folder.readLink('x')).toBe('two');
    expect(readdirSync(path())).toEqual(['x']);
  });

  it('is none where there is something else', async () => {
    writeFileSync(path('file'), '');
    expect(await folder.readLink('file')).toBeNull();
    expect(await folder.readLink('absent')).toBeNull();
    expect(await folder.lstat('absent')).toBeNull();
  });
});

describe('a removal', () => {
  it.each([...STRANGERS, ['a regular file', (at: string) => writeFileSync(at, '')] as const])(
    'takes %s itself, never what it leads to',
    async (_found, plant) => {
      plant(path('x'));
      await folder.remove('x');
      await folder.remove('x');
      expect(readdirSync(path())).toEqual([]);
      expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('untouched');
    },
  );

  it('takes a folder with all that is in it, and no target of a link in it', async () => {
    mkdirSync(path('x', 'deep'), { recursive: true });
    symlinkSync(outside, path('x', 'deep', 'link'));
    await folder.remove('x');
    expect(existsSync(path('x'))).toBe(false);
    expect(readdirSync(outside)).toEqual(['file']);
  });

  it('of an empty folder leaves anything else alone', async () => {
    mkdirSync(path('full', 'x'), { recursive: true });
    mkdirSync(path('empty'));
    writeFileSync(path('file'), '');
    symlinkSync(path('empty'), path('link'));
    for (const name of ['full', 'file', 'link', 'absent']) {
      expect(await folder.removeEmpty(name)).toBe(false);
    }
    expect(await folder.removeEmpty('empty')).toBe(true);
    expect(readdirSync(path()).sort()).toEqual(['file', 'full', 'link']);
  });
});

describe('a file of the administrator', () => {
  it('is read through a link, but never where that leads to no regular file', async () => {
    symlinkSync(join(outside, 'file'), path('link'));
    symlinkSync(outside, path('to-folder'));
    mkfifo(path('fifo'));
    symlinkSync('fifo', path('to-fifo'));
    const read = (name: string) => readRegularFile(path(name), 100, { followLink: true });
    expect((await read('link'))?.toString()).toBe('untouched');
    await expect(read('to-folder')).rejects.toMatchObject({ found: 'a folder' });
    await expect(read('to-fifo')).rejects.toMatchObject({ found: 'a FIFO' });
  });

  it('may be in a folder that is a link', async () => {
    symlinkSync(outside, path('link'));
    expect(await isFolder(path('link'))).toBe(true);
    expect(await isFolder(join(outside, 'file'))).toBe(false);
    expect(await isFolder(path('absent'))).toBe(false);
  });
});

import { closeSync, constants, lstatSync, opendirSync, openSync, fstatSync } from 'node:fs';
import { errnoOf } from '../../common/errors.js';

/** What a scan has seen. Paths are by the bytes of their names, each as a character of latin1. */
export interface ScannedTree {
  /** All regular files. */
  paths: string[];
  /** Those that have changed since. */
  changed: ChangedFile[];
  /** When the entries of each folder have changed last, in milliseconds; the top is `''`. */
  folders: Map<string, number>;
}

export interface ChangedFile {
  path: string;
  size: number;
  /** It has changed at just that moment of the kernel's clock. */
  isTie: boolean;
}

/** Entries of a tree, and seconds, after which a scan is given up. */
export const MAX_ENTRIES = 100_000;
export const MAX_SECONDS = 2;
/** Folders below each other; each is a descriptor. */
const MAX_DEPTH = 64;
/** Entries between two looks at the clock. */
const STEP = 128;

/** What tools make anew whenever they need it, and what is no work of a run. */
const CACHES = new Set([
  ...['.git', '.cache', '.gradle', '.ipynb_checkpoints', '.mypy_cache', '.npm', '.pytest_cache'],
  ...['.ruff_cache', '.tox', '.venv', '__pycache__', 'node_modules', 'venv'],
]);
/** How the server's own temporary files begin. */
const OWN_PREFIX = '.fermilink-';

/** Whether an entry of that name is no part of what runs make. */
export function isCache(name: string): boolean {
  return CACHES.has(name) || name.startsWith(OWN_PREFIX);
}

/**
 * Scans a tree, synchronously, for a thread of its own. Never follows a link: it goes by descriptor, one
 * component after the other. It yields now and then, so that others get their turn.
 * @param path of the folder; its last components `own` may have been written by an agent
 * @param since in milliseconds of the kernel's clock
 * @returns null if there is no such folder, or it has too many entries, goes too deep, or takes too long
 */
export function* scanTree(
  path: string,
  own: readonly string[],
  since: number,
): Generator<void, ScannedTree | null> {
  const ends = performance.now() + MAX_SECONDS * 1000;
  const open: number[] = [];
  try {
    let fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    open.push(fd);
    for (const name of own) {
      const next = openFolder(fd, name);
      if (next === null) return null;
      open.push((fd = next));
    }
    const tree: ScannedTree = { paths: [], changed: [], folders: new Map() };
    const levels = [{ fd, path: '', folders: [] as string[] | null }];
    let entries = 0;
    let isNew = true;
    while (levels.length > 0) {
      const level = levels.at(-1)!;
      if (isNew) {
        tree.folders.set(level.path, fstatSync(level.fd).mtimeMs);
        for (const name of look(level, tree, since)) {
          entries += 1;
          if (name !== null) level.folders!.push(name);
          if (entries % STEP !== 0) continue;
          if (entries > MAX_ENTRIES || performance.now() > ends) return null;
          yield;
        }
        if (entries > MAX_ENTRIES) return null;
      }
      const name = level.folders!.pop();
      isNew = false;
      if (name === undefined) {
        levels.pop();
        if (levels.length > 0) closeSync(open.pop()!);
        continue;
      }
      const next = openFolder(level.fd, name);
      if (next === null) continue;
      open.push(next);
      if (levels.length === MAX_DEPTH) return null;
      const below = level.path === '' ? name : `${level.path}/${name}`;
      levels.push({ fd: next, path: below, folders: [] });
      isNew = true;
    }
    return tree;
  } catch (error) {
    // It was removed meanwhile.
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  } finally {
    for (const fd of open) closeSync(fd);
  }
}

/** Looks at what is in a folder; yields the names of its folders, and null for each other entry. */
function* look(
  { fd, path }: { fd: number; path: string },
  tree: ScannedTree,
  since: number,
): Generator<string | null> {
  const folder = opendirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1', bufferSize: 256 });
  try {
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
      const { name } = entry;
      if (entry.isDirectory() && !isCache(name)) yield name;
      else {
        if (entry.isFile() && !isCache(name))
          note(fd, path === '' ? name : `${path}/${name}`, name);
        yield null;
      }
    }
  } finally {
    folder.closeSync();
  }

  function note(parent: number, below: string, name: string): void {
    const stats = lstatSync(entryOf(parent, name), { throwIfNoEntry: false });
    if (stats?.isFile() !== true) return;
    tree.paths.push(below);
    if (stats.ctimeMs < since) return;
    tree.changed.push({ path: below, size: stats.size, isTie: stats.ctimeMs === since });
  }
}

/** @returns null for what is no folder any more, and for one that is closed */
function openFolder(parent: number, name: string): number | null {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    return openSync(entryOf(parent, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(errnoOf(error) ?? '')) return null;
    throw error;
  }
}

function entryOf(fd: number, name: string): string | Buffer {
  const path = `/proc/self/fd/${fd}/${name}`;
  return /^[\x00-\x7f]*$/.test(name) ? path : Buffer.from(path, 'latin1');
}

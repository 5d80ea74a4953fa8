import { opendir } from 'node:fs/promises';
import { Directory } from '../common/directory.js';
import { errnoOf } from '../common/errors.js';
import { UnsafePathError } from '../common/regular-file.js';

/** What a walk comes across. */
export interface Found {
  /** Open until the walk goes on. */
  folder: Directory;
  name: Buffer;
  /** From the top on. */
  path: Buffer;
  /** By its folder; what it is when it is opened has to be looked at again. */
  kind: 'file' | 'folder' | 'link' | 'other';
}

export interface WalkOptions {
  /** Names that are passed over, with all that is below them. */
  skips: (name: string) => boolean;
  /** Ends the walk. */
  signal?: AbortSignal;
}

/** Folders that are held open at most; an agent decides how deep they are. */
const MAX_OPEN = 32;
/** The longest path that Linux takes: what lies deeper, nobody can name. */
const MAX_PATH_BYTES = 4096;
/** Folders that a walk still has to go to, at most; each is remembered by its name. */
const MAX_REMEMBERED = 200_000;

/** A folder on the way from the top to where the walk is. */
interface Level {
  /** Null for one that was closed on the way down. */
  folder: Directory | null;
  identity: string;
  path: Buffer;
  /** The names of its folders that are still to be walked, in latin1. */
  folders: string[];
}

/**
 * Walks a tree from an open folder, which stays open, in memory and descriptors that do not depend on how
 * much there is in a folder and how deep it goes. It never follows a link, and never goes where a folder was
 * swapped for something else meanwhile. A folder comes before what is in it. What has a path of over 4,096
 * bytes is left out: a tree of thousands of levels costs more with each of them.
 * @throws if the tree is changed so that the walk has lost its way, or holds more folders than it may
 * @throws the signal's reason
 */
export async function* walkTree(top: Directory, options: WalkOptions): AsyncGenerator<Found> {
  const levels: Level[] = [];
  let remembered = 0;
  const enter = async function* (folder: Directory, path: Buffer): AsyncGenerator<Found> {
    const level: Level = { folder, identity: await folder.identity(), path, folders: [] };
    levels.push(level);
    const far = levels.at(-1 - MAX_OPEN);
    if (far !== undefined && far.folder !== top) {
      await far.folder?.close();
      far.folder = null;
    }
    yield* entriesOf(folder, level, options);
    remembered += level.folders.length;
    if (remembered > MAX_REMEMBERED) throw new Error('a tree has too many folders to walk it');
  };
  try {
    yield* enter(top, Buffer.alloc(0));
    while (levels.length > 0) {
      options.signal?.throwIfAborted();
      const level = levels.at(-1)!;
      const name = level.folders.pop();
      if (name === undefined) {
        await leave(levels, top);
        continue;
      }
      remembered -= 1;
      const bytes = Buffer.from(name, 'latin1');
      const folder = await openIfThere(level.folder!, bytes);
      if (folder === null) continue;
      const path = joined(level.path, bytes);
      yield { folder: level.folder!, name: bytes, path, kind: 'folder' };
      yield* enter(folder, path);
    }
  } finally {
    for (const { folder } of levels) if (folder !== top) await folder?.close();
  }
}

/** What a folder holds, but its folders, whose names are remembered. */
async function* entriesOf(
  folder: Directory,
  level: Level,
  { skips, signal }: WalkOptions,
): AsyncGenerator<Found> {
  for await (const entry of await opendir(folder.self, { encoding: 'latin1' })) {
    signal?.throwIfAborted();
    if (skips(entry.name) || level.path.length + 1 + entry.name.length > MAX_PATH_BYTES) continue;
    if (entry.isDirectory()) {
      level.folders.push(entry.name);
      continue;
    }
    const name = Buffer.from(entry.name, 'latin1');
    const kind = entry.isFile() ? 'file' : entry.isSymbolicLink() ? 'link' : 'other';
    yield { folder, name, path: joined(level.path, name), kind };
  }
}

/** Goes up one level. One that was closed is the folder above this one, if that is still the same. */
async function leave(levels: Level[], top: Directory): Promise<void> {
  const { folder } = levels.pop()!;
  const above = levels.at(-1);
  try {
    if (above === undefined || above.folder !== null) return;
    const parent = await folder!.openParent();
    if ((await parent.identity()) === above.identity) {
      above.folder = parent;
      return;
    }
    await parent.close();
    throw new Error('a folder was moved while its tree was walked');
  } finally {
    if (folder !== top) await folder?.close();
  }
}

/** @returns null for what has become something else, and what is closed to the server */
async function openIfThere(parent: Directory, name: Buffer): Promise<Directory | null> {
  try {
    return await parent.openSubAsIs(name);
  } catch (error) {
    const isGone = ['ENOENT', 'EACCES'].includes(errnoOf(error) ?? '');
    if (isGone || error instanceof UnsafePathError) return null;
    throw error;
  }
}

function joined(path: Buffer, name: Buffer): Buffer {
  return path.length === 0 ? name : Buffer.concat([path, Buffer.from('/'), name]);
}

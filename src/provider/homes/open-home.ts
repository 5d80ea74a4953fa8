import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { errnoOf } from '../../common/errors.js';

const FOLDER =
  constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** What stands there instead of a folder, or a folder that is closed to the server. */
const NO_FOLDER = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES']);
/** As much as tells the kind of a file. */
const HEAD_BYTES = 16;
/** Larger files are left to whoever removes the rest: to take one away can take its time. */
const MAX_UNLINKED_BYTES = 4 * 1024 * 1024;

/**
 * The home of a session, held open folder by folder. Agents have worked in it: no path in it is taken by
 * its name as a whole, since any of its folders may be a link to somewhere else by now. Each call is a
 * few short system calls, whatever an agent has left there; no folder is ever listed.
 */
export class OpenHome {
  /** Descriptors by path; null where there is no folder. */
  private readonly folders = new Map<string, number | null>();

  /** The home at a path; null if there is no folder. Whoever opens it closes it. */
  static open(path: string): OpenHome | null {
    const root = openFolder(path);
    return root === null ? null : new OpenHome(root);
  }

  private constructor(root: number) {
    this.folders.set('.', root);
  }

  /** Where an entry is, by the descriptor of its folder; null if its folder is not there. */
  at(path: string): string | null {
    const folder = this.folder(dirname(path));
    return folder === null ? null : `/proc/self/fd/${folder}/${basename(path)}`;
  }

  /** What stands at a path (the link itself for a link); null if nothing does. */
  stats(path: string): Stats | null {
    const place = this.at(path);
    return place === null ? null : (lstatSync(place, { throwIfNoEntry: false }) ?? null);
  }

  /** The first bytes of a file; none where there is no regular file that can be read. */
  headOf(path: string): Buffer {
    const head = Buffer.alloc(HEAD_BYTES);
    const place = this.at(path);
    let length = 0;
    let file: number | null = null;
    try {
      if (place !== null) file = openSync(place, FILE);
      if (file !== null && fstatSync(file).isFile()) length = readSync(file, head);
    } catch {
      // Nothing that can be read.
    } finally {
      if (file !== null) closeSync(file);
    }
    return head.subarray(0, length);
  }

  /** Removes these files, and the folders that it has come through if nothing else is in them. */
  takeApart(files: readonly string[]): void {
    for (const file of files) {
      const stats = this.stats(file);
      const isQuick =
        stats?.isSymbolicLink() || (stats?.isFile() && stats.size <= MAX_UNLINKED_BYTES);
      if (isQuick) unlinkSync(this.at(file)!);
    }
    const paths = [...this.folders.keys()].filter((it) => it !== '.' && this.folders.get(it));
    // Those within others first.
    for (const path of paths.sort((a, b) => b.length - a.length)) {
      if (!removeEmpty(this.at(path)!)) return;
    }
  }

  close(): void {
    for (const folder of this.folders.values()) if (folder !== null) closeSync(folder);
    this.folders.clear();
  }

  private folder(path: string): number | null {
    let folder = this.folders.get(path);
    if (folder === undefined) {
      const place = this.at(path);
      folder = place === null ? null : openFolder(place);
      this.folders.set(path, folder);
    }
    return folder;
  }
}

function openFolder(path: string): number | null {
  try {
    // Most of what is looked for is not there, and an error takes longer.
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return null;
    return openSync(path, FOLDER);
  } catch (error) {
    if (NO_FOLDER.has(errnoOf(error) ?? '')) return null;
    throw error;
  }
}

/** Removes a folder; false if something is left in it. */
export function removeEmpty(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}

import { constants, type Stats } from 'node:fs';
import { copyFile, lstat, mkdir, readdir, stat } from 'node:fs/promises';
import type { Directory } from './directory.js';
import { errnoOf } from './errors.js';
import { kindOf } from './regular-file.js';

/** Something in a tree is neither a file nor a folder, and leads to neither. */
export class UncopiableError extends Error {
  constructor(
    /** Its way from the top of the tree; empty for the top itself. */
    readonly place: string,
    readonly found: string,
  ) {
    super(`${place} is ${found}`);
    this.name = 'UncopiableError';
  }
}

export interface CopyOptions {
  /**
   * `follow`: a link is copied as what it points to, and what can be neither is an error. `skip`: links,
   * FIFOs, sockets and devices are left out.
   */
  links: 'follow' | 'skip';
  /** Looked at before each entry. */
  signal?: AbortSignal;
}

/** How long the rest of a copy that failed is removed, in milliseconds; the next copy removes it too. */
const CLEANING_MS = 5000;

/**
 * Copies a file or folder of the server's or the administrator's to `name` in a workspace. What a crash
 * has left at `name` is removed first; a copy that fails leaves nothing.
 *
 * Node's `cp` goes by paths, and it writes through a link that takes the place of a folder meanwhile.
 * Here every folder is made exclusively and held open, and every file is made exclusively in it:
 * whatever comes to stand in the way is an error.
 * @throws {UncopiableError}
 * @throws the signal's reason
 */
export async function copyTree(
  source: string,
  parent: Directory,
  name: string,
  options: CopyOptions,
): Promise<void> {
  await parent.remove(name, options.signal);
  try {
    await copyEntry({ source, place: '' }, parent, name, options);
  } catch (error) {
    await parent.remove(name, AbortSignal.timeout(CLEANING_MS)).catch(() => undefined);
    throw error;
  }
}

/** Paths and names of what is copied are bytes: not every name is a text in UTF-8. */
interface Original {
  /** Where it is. */
  source: string | Buffer;
  /** Its way from the top of the tree, as it is shown. */
  place: string;
}

async function copyEntry(
  { source, place }: Original,
  target: Directory,
  name: string | Buffer,
  options: CopyOptions,
): Promise<void> {
  const stats = options.links === 'follow' ? await targetOf(source) : await lstat(source);
  if (stats?.isDirectory()) {
    await copyFolder({ source, place }, target, name, options);
  } else if (stats?.isFile()) {
    await copyFile(source, target.at(name), constants.COPYFILE_EXCL);
  } else if (options.links === 'follow') {
    throw new UncopiableError(place, kindOf(stats ?? (await lstat(source))));
  }
}

async function copyFolder(
  { source, place }: Original,
  parent: Directory,
  name: string | Buffer,
  options: CopyOptions,
): Promise<void> {
  await mkdir(parent.at(name));
  const target = await parent.openSub(name);
  try {
    for (const entry of await readdir(source, { encoding: 'buffer' })) {
      options.signal?.throwIfAborted();
      const original = {
        source: Buffer.concat([Buffer.from(source), Buffer.from('/'), entry]),
        place: place === '' ? entry.toString() : `${place}/${entry.toString()}`,
      };
      await copyEntry(original, target, entry, options);
    }
  } finally {
    await target.close();
  }
}

/** What a path leads to in the end; null for a link that leads nowhere. */
async function targetOf(path: string | Buffer): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ELOOP') return null;
    throw error;
  }
}

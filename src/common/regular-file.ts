import { constants, type StatsBase } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { errnoOf } from './errors.js';

/** A place in a workspace is not what the server may use: a link, a FIFO, a folder instead of a file. */
export class UnsafePathError extends Error {
  constructor(
    readonly path: string,
    readonly found: string,
    readonly expected: string,
  ) {
    super(`${path} is ${found}, not ${expected}`);
    this.name = 'UnsafePathError';
  }
}

/** What a file-system entry is, in words for a person. */
export function kindOf(stats: StatsBase<unknown>): string {
  if (stats.isFile()) return 'a regular file';
  if (stats.isDirectory()) return 'a folder';
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

/**
 * Reads a regular file of at most `maxBytes`; null where there is none. Never waits on a FIFO, never
 * follows a link in the last component, unless `followLink` says so, for files of the administrator.
 * @throws {UnsafePathError} for anything but a regular file within the limit
 */
export async function readRegularFile(
  path: string,
  maxBytes: number,
  { shownPath = path, followLink = false } = {},
): Promise<Buffer | null> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  let file: FileHandle;
  try {
    file = await open(path, followLink ? flags : flags | constants.O_NOFOLLOW);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT') return null;
    if (code === 'ELOOP') throw new UnsafePathError(shownPath, 'a symbolic link', 'a regular file');
    if (code === 'EACCES') {
      throw new UnsafePathError(shownPath, 'closed to the runner', 'a regular file');
    }
    if (code === 'ENXIO') throw new UnsafePathError(shownPath, 'a socket', 'a regular file');
    throw error;
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new UnsafePathError(shownPath, kindOf(stats), 'a regular file');
    if (stats.size > maxBytes) {
      throw new UnsafePathError(shownPath, `${stats.size} bytes long`, `at most ${maxBytes}`);
    }
    const buffer = Buffer.alloc(stats.size);
    let filled = 0;
    // The size was taken from the descriptor; a file that grows meanwhile is read up to that size.
    while (filled < buffer.length) {
      const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  } finally {
    await file.close();
  }
}

/**
 * Whether there is a link at `path`. Where nothing could be read, it leads nowhere: what the
 * administrator meant to be there is missing, which is not the same as never having been there.
 */
export async function isDanglingLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (stats) => stats.isSymbolicLink(),
    () => false,
  );
}

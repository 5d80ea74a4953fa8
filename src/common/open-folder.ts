import { constants } from 'node:fs';
import { chmod, type FileHandle, lstat, open } from 'node:fs/promises';
import { errnoOf } from './errors.js';
import { kindOf, UnsafePathError } from './regular-file.js';

/** A descriptor for a place alone, whatever its permissions; a flag of Linux that Node does not name. */
const O_PATH = 0o10000000;
const OWNER_BITS = 0o700;

/**
 * Opens a folder for reading.
 * @param shownPath its path for messages
 * @throws {UnsafePathError} if the last component is a link or no folder
 */
export async function openFolder(path: string | Buffer, shownPath: string): Promise<FileHandle> {
  try {
    return await open(
      path,
      constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
  } catch (error) {
    const code = errnoOf(error);
    // With O_DIRECTORY, Linux answers ENOTDIR for a link as well as for a file.
    if (code === 'ENOTDIR' || code === 'ELOOP') {
      throw new UnsafePathError(shownPath, kindOf(await lstat(path)), 'a folder');
    }
    throw error;
  }
}

/**
 * Opens a folder of a workspace. It is the server's own, and an agent, which runs as the same user, may
 * have taken the owner's permissions away: they are given back.
 * @throws {UnsafePathError} as `openFolder`, and if the folder is somebody else's and closed
 */
export async function openOwnFolder(path: string | Buffer, shownPath: string): Promise<FileHandle> {
  const folder = await openFolder(path, shownPath).catch(async (error: unknown) => {
    if (errnoOf(error) !== 'EACCES') throw error;
    await unlock(path, shownPath);
    return openFolder(path, shownPath);
  });
  try {
    const { mode } = await folder.stat();
    if ((mode & OWNER_BITS) !== OWNER_BITS) await folder.chmod((mode & 0o7777) | OWNER_BITS);
  } catch {
    // Somebody else's, or on a disk that is only read: whatever needs more says so.
  }
  return folder;
}

async function unlock(path: string | Buffer, shownPath: string): Promise<void> {
  const place = await openPlace(path);
  try {
    await chmod(`/proc/self/fd/${place.fd}`, OWNER_BITS);
  } catch {
    throw new UnsafePathError(
      shownPath,
      'closed to the runner',
      'a folder that it can read and write',
    );
  } finally {
    await place.close();
  }
}

/** Opens a folder whatever its permissions, only to name it by its descriptor; never through a link. */
export function openPlace(path: string | Buffer): Promise<FileHandle> {
  return open(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

/**
 * Opens an entry whatever it is, only to look at it and to name it by its descriptor: nothing is read, no
 * FIFO or device is opened for use, and a link is the link itself.
 */
export function openEntry(path: string | Buffer): Promise<FileHandle> {
  return open(path, O_PATH | constants.O_NOFOLLOW);
}

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from './errors.js';
import { makeFolder } from './make-folder.js';
import { kindOf, UnsafePathError } from './regular-file.js';
import { runProgram } from './program.js';

/** An exclusive lock that this process holds until `release`. */
export interface FileLock {
  release(): Promise<void>;
}

/**
 * Takes the exclusive `flock` of a file, which is made if it is missing, and waits for it without
 * holding up the event loop. It excludes every other process that uses `flock` on that file.
 *
 * Node has no `flock`. A lock belongs to the open file description, which a child shares through an
 * inherited descriptor: util-linux `flock` locks that descriptor and exits, and the lock stays with
 * this process until it closes its own. A killed server drops it by dying.
 *
 * @param waitSeconds how long to wait before giving up
 * @param mode of the file where it is made; who may open it may also hold it
 * @returns the lock, or null if somebody else held it all that time
 * @throws {UnsafePathError} if something that is no regular file stands there
 * @throws the signal's reason
 */
export async function lockFile(
  path: string,
  waitSeconds: number,
  { signal, mode }: { signal?: AbortSignal; mode?: number } = {},
): Promise<FileLock | null> {
  await makeFolder(dirname(path));
  const file = await openLock(path, mode);
  try {
    if (!(await flock(file, waitSeconds, signal))) {
      await file.close();
      return null;
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  return { release: () => file.close() };
}

/** What Linux answers instead of opening for writing what is no regular file. */
const KINDS: Readonly<Record<string, string>> = {
  EISDIR: 'a folder',
  ELOOP: 'a symbolic link',
  ENXIO: 'a FIFO or a socket',
};

async function openLock(path: string, mode?: number): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_NONBLOCK, O_NOFOLLOW } = constants;
  let file: FileHandle;
  try {
    // Not to wait for the other end of a FIFO.
    file = await open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOFOLLOW, mode);
  } catch (error) {
    const kind = KINDS[errnoOf(error) ?? ''];
    throw kind === undefined ? error : new UnsafePathError(path, kind, 'a regular file');
  }
  const stats = await file.stat();
  if (stats.isFile()) return file;
  await file.close();
  throw new UnsafePathError(path, kindOf(stats), 'a regular file');
}

/** Exit status by which `flock` is told to say that the time ran out. */
const TIMED_OUT = 75;

async function flock(
  file: FileHandle,
  waitSeconds: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const args = ['--exclusive', '--wait', String(waitSeconds)];
  const { code, complaint } = await runProgram(
    'flock',
    [...args, '--conflict-exit-code', String(TIMED_OUT), '3'],
    // A signal of the terminal is for this process, which then ends in order.
    { descriptor: file.fd, signal, isApart: true },
  );
  if (code !== 0 && code !== TIMED_OUT) throw new Error(`flock ended with ${code}: ${complaint}`);
  return code === 0;
}

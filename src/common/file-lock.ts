import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
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
 * @returns the lock, or null if somebody else held it all that time
 * @throws the signal's reason
 */
export async function lockFile(
  path: string,
  waitSeconds: number,
  signal?: AbortSignal,
): Promise<FileLock | null> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'a');
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
    { descriptor: file.fd, signal },
  );
  if (code !== 0 && code !== TIMED_OUT) throw new Error(`flock ended with ${code}: ${complaint}`);
  return code === 0;
}

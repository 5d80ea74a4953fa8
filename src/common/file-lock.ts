import { spawn } from 'node:child_process';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

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
 */
export async function lockFile(path: string, waitSeconds: number): Promise<FileLock | null> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'a');
  try {
    if (!(await flock(file, waitSeconds))) {
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

function flock(file: FileHandle, waitSeconds: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      'flock',
      [
        '--exclusive',
        '--wait',
        String(waitSeconds),
        '--conflict-exit-code',
        String(TIMED_OUT),
        '3',
      ],
      { stdio: ['ignore', 'ignore', 'ignore', file.fd], env: {} },
    );
    child.on('error', (cause) => {
      reject(new Error('The program "flock" of util-linux could not be started.', { cause }));
    });
    child.on('exit', (code) => {
      if (code === 0) resolve(true);
      else if (code === TIMED_OUT) resolve(false);
      else reject(new Error(`flock ended with ${code}`));
    });
  });
}

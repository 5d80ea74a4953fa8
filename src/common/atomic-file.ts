import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Directory } from './directory.js';
import { errnoOf } from './errors.js';

/**
 * Replaces a file by a text in one step: a reader sees the old text or the new, never half, also after
 * a power cut. Where a link leads to the file, the file is replaced, not the link; its permissions stay.
 * @param mode permissions that it is to have, whatever it had
 * @param newMode permissions of a file that was not there; without them the umask decides
 */
export async function writeAtomically(
  path: string,
  text: string,
  { mode, newMode }: { mode?: number; newMode?: number } = {},
): Promise<void> {
  const place = await placeOf(path);
  const folder = await Directory.open(dirname(place.path));
  try {
    await folder.replaceFile(basename(place.path), text, {
      mode: mode ?? place.mode ?? newMode,
      sync: true,
    });
  } finally {
    await folder.close();
  }
}

async function placeOf(path: string): Promise<{ path: string; mode?: number }> {
  try {
    const target = await realpath(path);
    return { path: target, mode: (await stat(target)).mode & 0o777 };
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return { path: join(await realpath(dirname(path)), basename(path)) };
  }
}

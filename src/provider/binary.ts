import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';

/**
 * Finds a program by name on a PATH, or by path; with all links resolved.
 * @returns null if there is no executable regular file
 */
export async function findBinary(
  nameOrPath: string,
  path: string | undefined,
): Promise<string | null> {
  if (isAbsolute(nameOrPath) || nameOrPath.includes('/')) return executable(resolve(nameOrPath));
  for (const folder of (path ?? '').split(delimiter)) {
    const found = folder === '' ? null : await executable(join(folder, nameOrPath));
    if (found !== null) return found;
  }
  return null;
}

async function executable(path: string): Promise<string | null> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile() ? await realpath(path) : null;
  } catch {
    return null;
  }
}

import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';

/**
 * Finds a program by name on a PATH, or by path.
 * @returns its absolute path as it was found, since a link's own name can decide what it starts; null
 * if there is no executable regular file
 */
export async function findBinary(
  nameOrPath: string,
  path: string | undefined,
): Promise<string | null> {
  if (nameOrPath.includes('/')) return executable(nameOrPath);
  for (const folder of (path ?? '').split(delimiter)) {
    const found = folder === '' ? null : await executable(join(folder, nameOrPath));
    if (found !== null) return found;
  }
  return null;
}

/** A file that would be the program if only it could be executed; null if there is none. */
export async function findUnexecutable(
  nameOrPath: string,
  path: string | undefined,
): Promise<string | null> {
  const folders = (path ?? '').split(delimiter).filter((folder) => folder !== '');
  const places = nameOrPath.includes('/') ? [''] : folders;
  for (const folder of places) {
    const place = resolve(folder, nameOrPath);
    const stats = await stat(place).catch(() => null);
    if (stats?.isFile()) return place;
  }
  return null;
}

async function executable(path: string): Promise<string | null> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile() ? resolve(path) : null;
  } catch {
    return null;
  }
}

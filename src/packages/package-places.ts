import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { isInstalledPath } from './installed-path.js';

/**
 * Where an entry really stands, or null if nothing stands there. The folders above it are resolved,
 * not the entry: a link is removed itself, never its target.
 */
export async function placeOf(path: unknown): Promise<string | null> {
  if (!isInstalledPath(path)) return null;
  try {
    const place = join(await realpath(dirname(path)), basename(path));
    await lstat(place);
    return place;
  } catch {
    return null;
  }
}

/** The folder that a path leads to in the end, or null. */
export async function targetOf(path: unknown): Promise<string | null> {
  if (!isInstalledPath(path)) return null;
  return realpath(path).catch(() => null);
}

/** Whether a path lies in a folder; both are real paths. */
export function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder === sep ? sep : folder + sep) && path !== folder;
}

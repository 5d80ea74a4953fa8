import { isAbsolute } from 'node:path';

/** Whether a stored `installed_path` can name a folder at all; the registry is open to other programs. */
export function isInstalledPath(path: unknown): path is string {
  return typeof path === 'string' && isAbsolute(path) && !path.includes('\0');
}

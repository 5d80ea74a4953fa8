import { readFileSync, statSync } from 'node:fs';

/** The text of a file of the administrator. @throws if it is no regular file of at most `maxBytes` */
export function readSmallFile(path: string, maxBytes: number): string {
  const stats = statSync(path);
  if (!stats.isFile() || stats.size > maxBytes) throw new Error('no small regular file');
  return readFileSync(path, 'utf8');
}

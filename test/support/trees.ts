import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** What stands in a folder, by path: the content of files, the targets of links. */
export function treeOf(folder: string): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, name);
    const stats = lstatSync(path);
    if (stats.isFile()) tree[name] = `${stats.mode} ${readFileSync(path, 'latin1')}`;
    else if (stats.isSymbolicLink()) tree[name] = `-> ${readlinkSync(path)}`;
    else tree[name] = String(stats.mode);
  }
  return tree;
}

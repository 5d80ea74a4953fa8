import { randomBytes } from 'node:crypto';
import type { Directory } from '../common/directory.js';

/**
 * Gives what stands in `repo/` under certain names another name, under which no CLI looks for anything.
 * Nothing that a user may want is lost; of a link there is nothing to keep.
 */
export async function putAway(repo: Directory, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const stats = await repo.lstat(name);
    if (stats === null) continue;
    if (stats.isSymbolicLink()) await repo.remove(name);
    else await repo.rename(name, `${name}.put-away-${randomBytes(6).toString('hex')}`);
  }
}

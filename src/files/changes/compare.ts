import { INSTRUCTION_FILE } from '../../common/instruction-files.js';
import type { ChangedPaths } from './run-files.js';
import type { ScannedTree } from './tree-scan.js';

/** What was there before a run, as far as it is known. */
export interface Before {
  paths: ReadonlySet<string>;
  /** The bytes that a file had when it was made from the template; null for what has lived on since. */
  sizeOf: (path: string) => number | null;
}

/** What the server itself writes right before an agent starts. */
export const WRITTEN_BEFORE: ReadonlySet<string> = new Set([
  INSTRUCTION_FILE,
  'projects/memory.md',
]);

/**
 * What a run has changed, by what was there before and what is there now. What has another name now is gone
 * under the old one, and created under the new one.
 * @param since when its agent was started
 */
export function changesOf(before: Before, now: ScannedTree, since: number): ChangedPaths {
  const changes: ChangedPaths = { created: [], modified: [], deleted: [] };
  for (const { path, size, isTie } of now.changed) {
    // On older kernels the clock of files stands still for some milliseconds: it may have been the server.
    if (isTie && (WRITTEN_BEFORE.has(path) || before.sizeOf(path) === size)) continue;
    changes[before.paths.has(path) ? 'modified' : 'created'].push(path);
  }
  const present = new Set(now.paths);
  for (const path of before.paths) {
    // Where no folder on the way has changed, it was gone before.
    if (!present.has(path) && changedAbove(path, now) >= since) changes.deleted.push(path);
  }
  return changes;
}

/** When the lowest folder that is still there above a path has changed last. */
function changedAbove(path: string, { folders }: ScannedTree): number {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const at = folders.get(path.slice(0, end));
    if (at !== undefined) return at;
  }
  return folders.get('') ?? 0;
}

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Before, changesOf, WRITTEN_BEFORE } from './compare.js';
import { readSnapshot, writeSnapshot } from './path-snapshot.js';
import { type RunFiles, runFilesOf } from './run-files.js';
import { scanTree, type ScannedTree } from './tree-scan.js';

/** What the changes of a run are found out by. */
export interface ScanOrder {
  workspacesRoot: string;
  sessionId: string;
  /** When the agent was started, in milliseconds of the clock of files. */
  since: number;
  /** Where the paths of the run before are, and those of this one are kept. */
  snapshotFile: string;
  /** What a session begins with. */
  templateRoot: string;
}

/**
 * Finds out what a run has changed; yields now and then. The result comes before the paths are kept for the
 * next run, which is what remains to be done.
 * @returns null where that cannot be known
 */
export function* changesOfRun(
  order: ScanOrder,
): Generator<void, { files: RunFiles; keep: () => void } | null> {
  const { workspacesRoot, sessionId, since, snapshotFile } = order;
  const now = yield* scanTree(workspacesRoot, [sessionId, 'repo'], since);
  if (now === null) return null;
  const folder = identityOf(join(workspacesRoot, sessionId, 'repo'));
  const known = readSnapshot(snapshotFile, folder);
  const before = known === null ? yield* templateOf(order.templateRoot) : livedOn(known);
  return {
    files: runFilesOf(changesOf(before, now, since)),
    keep: () => writeSnapshot(snapshotFile, folder, now.paths),
  };
}

function livedOn(paths: ReadonlySet<string>): Before {
  return { paths, sizeOf: () => null };
}

/** A session of which nothing is known has begun as a copy of the template. */
function* templateOf(root: string): Generator<void, Before> {
  const template: ScannedTree | null = yield* scanTree(root, [], Infinity);
  const sizeOf = (path: string) => {
    const bytes = Buffer.from(`${root}/${path}`, 'latin1');
    return statSync(bytes, { throwIfNoEntry: false })?.size ?? null;
  };
  return { paths: new Set([...(template?.paths ?? []), ...WRITTEN_BEFORE]), sizeOf };
}

function identityOf(path: string): string {
  const { dev, ino, birthtimeMs } = statSync(path);
  return `${dev}:${ino}:${birthtimeMs}`;
}

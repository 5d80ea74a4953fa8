import { shownName } from '../session-path.js';

/** What a run has changed of the files of its session, as paths in `repo/`. */
export interface RunFiles {
  /** In order of their bytes; of all three together at most 200. */
  created: string[];
  modified: string[];
  deleted: string[];
  /** How many there are of each. */
  total: { created: number; modified: number; deleted: number };
}

/** Paths by the bytes of their names, each as a character of latin1. */
export interface ChangedPaths {
  created: string[];
  modified: string[];
  deleted: string[];
}

/** Paths that are told. */
const MAX_PATHS = 200;
/** Bytes of all of them. */
const MAX_TEXT_BYTES = 64 * 1024;

/** Picks of all changes what is told: of each kind its first ones. */
export function runFilesOf(changes: ChangedPaths): RunFiles {
  const kinds = ['created', 'modified', 'deleted'] as const;
  const told: RunFiles = {
    ...{ created: [], modified: [], deleted: [] },
    total: { created: 0, modified: 0, deleted: 0 },
  };
  let places = MAX_PATHS;
  let bytes = MAX_TEXT_BYTES;
  // The shortest list first: what it leaves of its share is for the others.
  const byLength = [...kinds].sort((a, b) => changes[a].length - changes[b].length);
  for (const [index, kind] of byLength.entries()) {
    const share = Math.floor(places / (kinds.length - index));
    told.total[kind] = changes[kind].length;
    const first = changes[kind].sort().slice(0, share);
    for (const path of first) {
      bytes -= path.length;
      if (bytes < 0) break;
      told[kind].push(shownName(Buffer.from(path, 'latin1')).text);
    }
    places -= told[kind].length;
  }
  return told;
}

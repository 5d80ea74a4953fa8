import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

/** What is still to be undone: also where a check fails, or a signal ends the benchmark. */
const pending = new Set<() => void>();

/**
 * Sees to it that something is undone, at the latest when the process exits.
 * @returns does it now
 */
export function undoAtExit(undo: () => void): () => void {
  pending.add(undo);
  return () => {
    if (pending.delete(undo)) undo();
  };
}

/** Undoes all that a case has left. */
export function undoAll(): void {
  for (const undo of pending) {
    pending.delete(undo);
    try {
      undo();
    } catch (error) {
      console.error(error);
    }
  }
}

process.once('exit', undoAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

/** A folder that does not outlive the benchmark, and what removes it. */
export function temporaryFolder(prefix: string): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  return { folder, remove: undoAtExit(() => removeFolder(folder)) };
}

/** Removes a folder in which somebody who was just killed may be writing for a last moment. */
function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

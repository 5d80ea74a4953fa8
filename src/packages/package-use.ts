import { sep } from 'node:path';
import { Injectable } from '@nestjs/common';

/**
 * Which folders of packages the live runs of this server are linked to. A folder that has been replaced
 * or deleted goes only when none of them needs it any more.
 */
@Injectable()
export class PackageUse {
  private readonly foldersOf = new Map<string, Set<string>>();
  private readonly waiting = new Map<string, () => void>();

  /** A session is, or is about to be, linked to a folder until `release`. */
  hold(sessionId: string, folder: string): void {
    const folders = this.foldersOf.get(sessionId) ?? new Set();
    this.foldersOf.set(sessionId, folders.add(folder));
  }

  /** The run of a session has ended. */
  release(sessionId: string): void {
    if (!this.foldersOf.delete(sessionId)) return;
    for (const [folder, act] of this.waiting) {
      if (this.isUsed(folder)) continue;
      this.waiting.delete(folder);
      act();
    }
  }

  /** Whether a live run is linked to a folder or to something in it. */
  isUsed(folder: string): boolean {
    for (const folders of this.foldersOf.values()) {
      for (const used of folders) if (used === folder || used.startsWith(folder + sep)) return true;
    }
    return false;
  }

  /** Does something when a folder that is used is used no more. */
  whenUnused(folder: string, act: () => void): void {
    this.waiting.set(folder, act);
  }
}

import { copyTree } from '../common/copy-tree.js';
import { type Directory, meansNoSymlinks } from '../common/directory.js';
import type { Placed } from './package-types.js';

/** Where a copy is made before it gets its name. */
const UNFINISHED_COPY = '.fermilink-unfinished-copy';

/** What stands at a place of a session, as far as an overlay is concerned. */
export type Occupant = 'nothing' | 'our link' | 'our copy' | 'foreign';

/** Whom a placement tells and asks while it works. */
export interface PlacementHooks {
  /** Told what a copy will be before it gets its name, so that it can be recorded first. */
  beforeCopy: (placed: Placed) => Promise<void>;
  /** Looked at between two steps. */
  signal?: AbortSignal;
}

/** Looks at one place: whether it holds what was recorded, or a link just as we would make it. */
export async function occupantOf(
  folder: Directory,
  name: string,
  source: string,
  recorded: Placed | undefined,
): Promise<Occupant> {
  const stats = await folder.lstat(name);
  if (stats === null) return 'nothing';
  if (stats.isSymbolicLink()) {
    return (await folder.readLink(name)) === source ? 'our link' : 'foreign';
  }
  const isRecordedCopy =
    recorded?.mode === 'copy' &&
    recorded.source === source &&
    recorded.identity === identityOf(stats);
  return isRecordedCopy ? 'our copy' : 'foreign';
}

/** Puts links, or copies where links are impossible, at places of a session. */
export class OverlayPlacement {
  /** Removes what an interrupted copy has left in a folder. */
  async removeUnfinished(folder: Directory, signal?: AbortSignal): Promise<void> {
    await folder.remove(UNFINISHED_COPY, signal);
  }

  /**
   * Puts `source` at `name`, where nothing stands. A crash on the way leaves nothing that is not known
   * as ours: a copy is recorded before it gets its name.
   * @returns null if that is impossible: something has come to stand there meanwhile, or the source
   *   can only be linked (it is itself a link, a socket, …) and links are impossible here
   */
  async place(
    folder: Directory,
    name: string,
    source: string,
    hooks: PlacementHooks,
  ): Promise<Placed | null> {
    try {
      return (await this.link(folder, name, source)) ? { mode: 'symlink', source } : null;
    } catch (error) {
      if (!meansNoSymlinks(error)) throw error;
    }
    return this.copy(folder, name, source, hooks);
  }

  /** Makes a symbolic link; false if something stands there. */
  protected link(folder: Directory, name: string, source: string): Promise<boolean> {
    return folder.createLink(name, source);
  }

  private async copy(
    folder: Directory,
    name: string,
    source: string,
    { beforeCopy, signal }: PlacementHooks,
  ): Promise<Placed | null> {
    // Links inside cannot be made here either, and following them might lead out of the package.
    await copyTree(source, folder, UNFINISHED_COPY, { links: 'skip', signal });
    const stats = await folder.lstat(UNFINISHED_COPY);
    if (stats === null) return null;
    const placed: Placed = { mode: 'copy', source, identity: identityOf(stats) };
    await beforeCopy(placed);
    if ((await folder.lstat(name)) !== null) {
      await this.removeUnfinished(folder, signal);
      return null;
    }
    await folder.rename(UNFINISHED_COPY, name);
    return placed;
  }
}

/** The number of an entry is given anew as soon as the entry is gone; its time of birth is not. */
function identityOf(stats: { dev: number; ino: number; birthtimeMs: number }): string {
  return `${stats.dev}:${stats.ino}:${stats.birthtimeMs}`;
}

import { cp } from 'node:fs/promises';
import type { Directory } from '../common/directory.js';
import { errnoOf } from '../common/errors.js';
import type { Placed } from './package-types.js';

/** By these a file system says that it has no symbolic links. */
const NO_SYMLINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** What stands at a place of a session, as far as an overlay is concerned. */
export type Occupant = 'nothing' | 'ours' | 'foreign';

/** Looks at one place: whether it holds what was recorded, or a link just as we would make it. */
export async function occupantOf(
  folder: Directory,
  name: string,
  source: string,
  recorded: Placed | undefined,
): Promise<Occupant> {
  const stats = await folder.lstat(name);
  if (stats === null) return 'nothing';
  if (stats.isSymbolicLink()) return (await folder.readLink(name)) === source ? 'ours' : 'foreign';
  const isRecordedCopy =
    recorded?.mode === 'copy' &&
    recorded.source === source &&
    recorded.identity === identityOf(stats);
  return isRecordedCopy ? 'ours' : 'foreign';
}

/** Puts links, or copies where links are impossible, at places of a session. */
export class OverlayPlacement {
  /**
   * Puts `source` at `name`, where nothing stands.
   * @param beforeCopy told what a copy will be before it gets its name, so that it can be recorded
   *   first; a crash then leaves nothing that is not known as ours
   * @returns null if something has come to stand there meanwhile
   */
  async place(
    folder: Directory,
    name: string,
    source: string,
    beforeCopy: (placed: Placed) => Promise<void>,
  ): Promise<Placed | null> {
    try {
      return (await this.link(folder, name, source)) ? { mode: 'symlink', source } : null;
    } catch (error) {
      if (!NO_SYMLINKS.has(errnoOf(error) ?? '')) throw error;
    }
    return this.copy(folder, name, source, beforeCopy);
  }

  /** Makes a symbolic link; false if something stands there. */
  protected link(folder: Directory, name: string, source: string): Promise<boolean> {
    return folder.createLink(name, source);
  }

  private async copy(
    folder: Directory,
    name: string,
    source: string,
    beforeCopy: (placed: Placed) => Promise<void>,
  ): Promise<Placed | null> {
    const temporary = `.fermilink-copy-${name}`;
    await folder.remove(temporary);
    await cp(source, folder.at(temporary), { recursive: true, verbatimSymlinks: true });
    const stats = await folder.lstat(temporary);
    const placed: Placed = { mode: 'copy', source, identity: identityOf(stats!) };
    await beforeCopy(placed);
    if ((await folder.lstat(name)) !== null) {
      await folder.remove(temporary);
      return null;
    }
    await folder.rename(temporary, name);
    return placed;
  }
}

function identityOf(stats: { dev: number; ino: number }): string {
  return `${stats.dev}:${stats.ino}`;
}

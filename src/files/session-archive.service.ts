import { isUtf8 } from 'node:buffer';
import { lstat, readlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Injectable } from '@nestjs/common';
import { errnoOf } from '../common/errors.js';
import { UnsafePathError } from '../common/regular-file.js';
import { bytesOf, openFile } from './open-file.js';
import { SessionFolders } from './session-folders.js';
import { PacedTar, type TarHeader } from './paced-tar.js';
import { type Found, walkTree } from './tree-walk.js';

/** Sends all files of a session as one. */
@Injectable()
export class SessionArchive {
  constructor(private readonly folders: SessionFolders) {}

  /**
   * Writes a tar.gz of a session's `repo/` while it is read: files, folders, and links as links, those of
   * packages too. FIFOs, sockets, devices and names that are no UTF-8 are left out, and so is what is closed
   * to the server. A file has the size that it had when its turn came, whatever becomes of it.
   * @param onBegin told when the session is found: from here on nothing can be said but the archive
   * @throws {RunnerError} `session_not_found`, `not_a_folder`, before it begins
   * @throws if the target closes before the end, or the tree is changed under the walk
   */
  async write(
    sessionId: string,
    target: NodeJS.WritableStream,
    { withGit, onBegin }: { withGit: boolean; onBegin: () => void },
  ): Promise<void> {
    await this.folders.within(sessionId, async ({ repo }) => {
      onBegin();
      const stopping = new AbortController();
      const tar = new PacedTar(stopping.signal);
      const skips = (name: string) => name === '.git' && !withGit;
      const filling = (async () => {
        for await (const found of walkTree(repo, { skips, signal: stopping.signal })) {
          await add(tar, found);
        }
        tar.end();
      })();
      // Where reading fails the archive must not look whole.
      filling.catch((error: Error) => tar.destroy(error));
      try {
        await pipeline(tar.bytes(), createGzip(), target);
      } finally {
        stopping.abort();
        tar.destroy();
        // Nothing of the session is used any more when its folders are closed.
        await filling.catch(() => undefined);
      }
    });
  }
}

async function add(tar: PacedTar, found: Found): Promise<void> {
  if (!isUtf8(found.path)) return;
  try {
    if (found.kind === 'file') await addFile(tar, found);
    else if (found.kind !== 'other') await addOther(tar, found);
  } catch (error) {
    // It has gone, or become something else since its folder was read.
    const isGone = ['ENOENT', 'EINVAL', 'EACCES'].includes(errnoOf(error) ?? '');
    if (!isGone && !(error instanceof UnsafePathError)) throw error;
  }
}

async function addFile(tar: PacedTar, { folder, name, path }: Found): Promise<void> {
  const { handle, stats } = await openFile(folder, name);
  try {
    const size = Number(stats.size);
    const header = { ...headerOf(path, stats), type: 'file', size } as const;
    await tar.add(header, bytesOf(handle, 0, size, 'fill'));
  } finally {
    await handle.close();
  }
}

async function addOther(tar: PacedTar, { folder, name, path, kind }: Found): Promise<void> {
  const place = folder.at(name);
  const stats = await lstat(place, { bigint: true });
  if (kind === 'folder') {
    await tar.add({ ...headerOf(path, stats), type: 'directory' });
  } else {
    const target = await readlink(place, { encoding: 'buffer' });
    if (!isUtf8(target)) return;
    await tar.add({ ...headerOf(path, stats), type: 'symlink', linkname: target.toString() });
  }
}

function headerOf(
  path: Buffer,
  { mode, mtimeMs }: { mode: bigint; mtimeMs: bigint },
): Omit<TarHeader, 'type'> {
  const seconds = Math.max(0, Math.floor(Number(mtimeMs) / 1000));
  return { name: path.toString(), mode: Number(mode) & 0o777, mtime: new Date(seconds * 1000) };
}

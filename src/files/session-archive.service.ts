import { isUtf8 } from 'node:buffer';
import { lstat, readlink } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Injectable } from '@nestjs/common';
import { errnoOf } from '../common/errors.js';
import { Places } from '../common/places.js';
import { UnsafePathError } from '../common/regular-file.js';
import { bytesOf, openFile } from './open-file.js';
import type { SessionOrder } from './session-order.js';
import { SessionFolders } from './session-folders.js';
import { PacedTar, type TarHeader } from './paced-tar.js';
import { TakingTime } from './taking-time.js';
import { type Found, walkTree } from './tree-walk.js';

/** Archives at a time: each keeps one of the few threads busy that all file work is done by. */
const PLACES = { all: 4, owner: 2, each: 1 };
/** A client that reads a byte now and then has its place for an hour; one that reads steadily has its whole archive. */
const TIME = { ms: 3600_000, bytesPerSecond: 1024 ** 2 };
/**
 * The most bytes of content that an archive has: more than anybody keeps, and so much that a file of nothing
 * but holes has its end.
 */
const MAX_CONTENT_BYTES = 64 * 1024 ** 3;

/** Sends all files of a session as one. */
@Injectable()
export class SessionArchive {
  private readonly places = new Places(PLACES);

  constructor(private readonly folders: SessionFolders) {}

  /**
   * Writes a tar.gz of a session's `repo/` while it is read, and ends the target with it: files, folders, and links as links, those of
   * packages too. FIFOs, sockets, devices and names that are no UTF-8 are left out, and so is what is closed
   * to the server. A file has the size that it had when its turn came, whatever becomes of it.
   * @param onBegin told when the session is found: from here on nothing can be said but the archive
   * @throws {RunnerError} `session_not_found`, `not_a_folder`, `too_many_requests`, before it begins
   * @throws if there is too much in it, the target takes too long or closes before the end, or the tree is changed under the walk
   */
  async write(
    { sessionId, owner }: SessionOrder,
    target: Writable,
    { withGit, onBegin }: { withGit: boolean; onBegin: () => void },
  ): Promise<void> {
    const writing = () => this.writeNow(sessionId, target, withGit, onBegin);
    await this.places.run({ key: sessionId, owner }, writing);
    // Only now: who has seen the end of it finds the place free.
    target.end();
  }

  private async writeNow(
    sessionId: string,
    target: Writable,
    withGit: boolean,
    onBegin: () => void,
  ): Promise<void> {
    await this.folders.within(sessionId, async ({ repo }) => {
      onBegin();
      const stopping = new AbortController();
      const tar = new PacedTar(stopping.signal);
      const skips = (name: string) => name === '.git' && !withGit;
      let left = MAX_CONTENT_BYTES;
      const filling = (async () => {
        for await (const found of walkTree(repo, { skips, signal: stopping.signal })) {
          left -= await add(tar, found, left);
        }
        tar.end();
      })();
      const time = new TakingTime(TIME);
      // The pipeline leaves it alone, and would wait for it.
      const cut = () => target.destroy();
      time.signal.addEventListener('abort', cut);
      // Where reading fails the archive must not look whole.
      filling.catch((error: Error) => {
        tar.destroy(error);
        cut();
      });
      const counted = async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          yield chunk;
          time.took(chunk.length);
        }
      };
      try {
        await pipeline(tar.bytes(), createGzip(), counted, target, {
          signal: time.signal,
          end: false,
        });
      } finally {
        time.end();
        stopping.abort();
        tar.destroy();
        // Nothing of the session is used any more when its folders are closed.
        await filling.catch(() => undefined);
      }
    });
  }
}

/** @returns the bytes of content that it has taken */
async function add(tar: PacedTar, found: Found, left: number): Promise<number> {
  if (!isUtf8(found.path)) return 0;
  try {
    if (found.kind === 'file') return await addFile(tar, found, left);
    if (found.kind !== 'other') await addOther(tar, found);
  } catch (error) {
    // It has gone, or become something else since its folder was read.
    const isGone = ['ENOENT', 'EINVAL', 'EACCES'].includes(errnoOf(error) ?? '');
    if (!isGone && !(error instanceof UnsafePathError)) throw error;
  }
  return 0;
}

async function addFile(
  tar: PacedTar,
  { folder, name, path }: Found,
  left: number,
): Promise<number> {
  const { handle, stats } = await openFile(folder, name);
  try {
    const size = Number(stats.size);
    if (size > left) throw new Error(`there is more in it than ${MAX_CONTENT_BYTES} bytes`);
    const header = { ...headerOf(path, stats), type: 'file', size } as const;
    await tar.add(header, bytesOf(handle, 0, size, 'fill'));
    return size;
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

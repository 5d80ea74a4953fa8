import { readlink } from 'node:fs/promises';
import type { Directory } from '../../common/directory.js';
import { errnoOf } from '../../common/errors.js';
import { UnsafePathError } from '../../common/regular-file.js';
import { isCache, MAX_ENTRIES } from '../changes/tree-scan.js';
import { bytesOf, openFile } from '../open-file.js';
import { type Found, walkTree } from '../tree-walk.js';

/** Bytes of a file that is taken, and of all of them. */
const MAX_FILE_BYTES = 10 * 1024 * 1024;
const MAX_TREE_BYTES = 512 * 1024 * 1024;
/** Bytes of all paths together: each of them is written whole. */
const MAX_PATH_BYTES = 32 * 1024 * 1024;

/** A commit that is to be made of a tree. */
export interface CommitOrder {
  ref: string;
  /** The commit that it follows; null for none. */
  parent: string | null;
  message: string;
}

/**
 * What `git fast-import` reads to make a commit of a tree. The server itself reads the files: git gets their
 * content as bytes, and never goes where an agent works. Left out are caches, repositories inside, what is
 * neither file nor link, and files of over 10 MiB.
 * @param signal ends it
 * @throws if the tree has too many entries or bytes; the signal's reason
 */
export async function* commitOf(
  tree: Directory,
  { ref, parent, message }: CommitOrder,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const seconds = Math.floor(Date.now() / 1000);
  yield Buffer.from(
    `commit ${ref}\ncommitter FermiLink Runner <runner@fermilink.invalid> ${seconds} +0000\n`,
  );
  yield* dataOf(Buffer.from(message));
  // All that was there before goes; what is still there comes again.
  yield Buffer.from(`${parent === null ? '' : `from ${parent}\n`}deleteall\n`);
  yield* filesOf(tree, signal);
  yield Buffer.from('\ndone\n');
}

async function* filesOf(tree: Directory, signal?: AbortSignal): AsyncGenerator<Buffer> {
  let entries = 0;
  let left = MAX_TREE_BYTES;
  let pathBytes = 0;
  const skips = (name: string) => name.toLowerCase() === '.git' || isCache(name);
  for await (const found of walkTree(tree, { skips, signal })) {
    entries += 1;
    if (entries > MAX_ENTRIES) throw new Error(`there are more than ${MAX_ENTRIES} entries`);
    pathBytes += found.path.length;
    if (pathBytes > MAX_PATH_BYTES)
      throw new Error(`the paths have more than ${MAX_PATH_BYTES} bytes`);
    try {
      if (found.kind === 'link') yield* linkOf(found);
      if (found.kind !== 'file') continue;
      const { handle, stats } = await openFile(found.folder, found.name);
      try {
        const size = Number(stats.size);
        if (size > MAX_FILE_BYTES) continue;
        left -= size;
        if (left < 0) throw new Error(`there are more than ${MAX_TREE_BYTES} bytes`);
        const mode = (Number(stats.mode) & 0o100) === 0 ? '100644' : '100755';
        yield Buffer.from(`M ${mode} inline ${quoted(found.path)}\ndata ${size}\n`);
        yield* bytesOf(handle, 0, size, 'fill');
        yield Buffer.from('\n');
      } finally {
        await handle.close();
      }
    } catch (error) {
      // It has gone, or become something else, since its folder was read.
      const isGone = ['ENOENT', 'EINVAL', 'EACCES'].includes(errnoOf(error) ?? '');
      if (!isGone && !(error instanceof UnsafePathError)) throw error;
    }
  }
}

async function* linkOf({ folder, name, path }: Found): AsyncGenerator<Buffer> {
  const target = await readlink(folder.at(name), { encoding: 'buffer' });
  yield Buffer.from(`M 120000 inline ${quoted(path)}\n`);
  yield* dataOf(target);
}

function* dataOf(content: Buffer): Generator<Buffer> {
  yield Buffer.from(`data ${content.length}\n`);
  yield content;
  yield Buffer.from('\n');
}

/** A path as git reads it, whatever bytes it has. */
function quoted(path: Buffer): string {
  const safe = path.toString('latin1').replace(/[^\x21\x23-\x5b\x5d-\x7e]/g, (it) => {
    const octal = it.charCodeAt(0).toString(8).padStart(3, '0');
    return `\\${octal}`;
  });
  return `"${safe}"`;
}

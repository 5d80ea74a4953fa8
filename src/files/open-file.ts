import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Directory } from '../common/directory.js';
import { errnoOf } from '../common/errors.js';
import { openEntry } from '../common/open-folder.js';
import { kindOf, UnsafePathError } from '../common/regular-file.js';

/** A regular file that is open for reading, and what it was at that moment. */
export interface OpenFile {
  handle: FileHandle;
  stats: BigIntStats;
}

/** How much of a file is read at once. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Opens a regular file. What is none is looked at and not opened: no FIFO gets a reader, no device is woken.
 * @throws {UnsafePathError} for anything else, and for a file that is closed to the server
 */
export async function openFile(folder: Directory, name: string | Buffer): Promise<OpenFile> {
  const shown = name.toString();
  const entry = await openEntry(folder.at(name));
  try {
    const found = await entry.stat();
    if (!found.isFile()) throw new UnsafePathError(shown, kindOf(found), 'a regular file');
    // The very entry that was looked at, whatever has its name by now.
    const handle = await open(
      `/proc/self/fd/${entry.fd}`,
      constants.O_RDONLY | constants.O_NONBLOCK,
    );
    try {
      return { handle, stats: await handle.stat({ bigint: true }) };
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    throw new UnsafePathError(shown, 'closed to the runner', 'a file that it can read');
  } finally {
    await entry.close();
  }
}

/**
 * A strong validator: it changes with every change of the content, also with one that is followed by
 * setting the time of the last change back.
 */
export function etagOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `"${[ino, size, mtimeNs, ctimeNs].map((it) => it.toString(36)).join('-')}"`;
}

/**
 * The bytes of an open file from one position on, so many and no more, and its end.
 * @param whenShort what to do where the file has become shorter: give up, or fill up with zeros
 * @throws where it has become shorter, if that is to be given up
 */
export async function* bytesOf(
  handle: FileHandle,
  start: number,
  length: number,
  whenShort: 'throw' | 'fill' = 'throw',
): AsyncGenerator<Buffer> {
  let isShort = false;
  for (let done = 0; done < length;) {
    const wanted = Math.min(CHUNK_BYTES, length - done);
    // A chunk is still on its way when the next one is read.
    const buffer = isShort ? Buffer.alloc(wanted) : Buffer.allocUnsafe(wanted);
    if (!isShort) {
      const { bytesRead } = await handle.read(buffer, 0, wanted, start + done);
      if (bytesRead > 0) {
        done += bytesRead;
        yield buffer.subarray(0, bytesRead);
        continue;
      }
      if (whenShort === 'throw') throw new Error('a file became shorter while it was read');
      isShort = true;
      continue;
    }
    done += wanted;
    yield buffer;
  }
}

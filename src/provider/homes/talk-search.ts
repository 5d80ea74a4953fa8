import { constants } from 'node:fs';
import { type FileHandle, open, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { openFolder } from '../../common/open-folder.js';
import type { TalkFile } from './agent-home.js';

/** No CLI puts its talks deeper below their folder. */
const MAX_DEPTH = 4;
/** More talks than a session has; agents may leave any number of files. */
const MAX_ENTRIES = 20_000;
/** Where a database is longer, its CLI is left to find out. */
const MAX_SEARCHED_BYTES = 512 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Whether a talk is kept in one of some places: in a folder as a file of its own, or in a file that has its
 * id. Agents write there: no link is followed, and the search ends after a bounded number of entries.
 */
export async function isTalkIn(
  places: readonly string[],
  id: string,
  talkFile: TalkFile,
): Promise<boolean> {
  const left = { entries: MAX_ENTRIES };
  for (const place of places) {
    const isFound =
      talkFile.isFileOf === undefined
        ? fileHolds(place, id)
        : folderHolds(place, (name) => talkFile.isFileOf!(name, id), left, MAX_DEPTH);
    // What cannot be read is as good as gone, for the CLI too.
    if (await isFound.catch(() => false)) return true;
  }
  return false;
}

async function folderHolds(
  path: string,
  isWanted: (name: string) => boolean,
  left: { entries: number },
  depth: number,
): Promise<boolean> {
  const folder = await openFolder(path, path);
  try {
    const self = `/proc/self/fd/${folder.fd}`;
    const inside: string[] = [];
    for await (const entry of await opendir(self)) {
      if ((left.entries -= 1) < 0) return false;
      if (entry.isFile() && isWanted(entry.name)) return true;
      if (entry.isDirectory() && depth > 0) inside.push(entry.name);
    }
    for (const name of inside) {
      const isFound = folderHolds(join(self, name), isWanted, left, depth - 1);
      if (await isFound.catch(() => false)) return true;
    }
    return false;
  } finally {
    await folder.close();
  }
}

async function fileHolds(path: string, text: string): Promise<boolean> {
  const file = await open(path, FILE);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) return false;
    return stats.size > MAX_SEARCHED_BYTES || (await holds(file, Buffer.from(text)));
  } finally {
    await file.close();
  }
}

async function holds(file: FileHandle, wanted: Buffer): Promise<boolean> {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  // The end of each chunk is looked at again: what is searched for may be cut in two.
  const step = CHUNK_BYTES - wanted.length + 1;
  for (let at = 0; at < MAX_SEARCHED_BYTES; at += step) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, at);
    if (buffer.subarray(0, bytesRead).includes(wanted)) return true;
    if (bytesRead < CHUNK_BYTES) return false;
  }
  return false;
}

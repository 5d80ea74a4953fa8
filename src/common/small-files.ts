import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from './errors.js';

/*
 * Small files of the server's own. They are written synchronously: each goes to the page cache in a fraction
 * of the time that a turn of the thread pool takes, and what happens in one tick needs no lock.
 */

/** What a file system allocates at least, and so what a file may grow to without asking for more. */
const BLOCK_BYTES = 4096;

const TEMPORARY_SUFFIX = '.tmp';

/** Makes a file; an error if there is one already. */
export function createFile(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    // A half of it would be taken for the whole.
    if (errnoOf(error) !== 'EEXIST') removeFile(path);
    throw error;
  }
}

/**
 * Replaces a file of JSON in one step. Where the old text and the new one fit into a page the new one is
 * written over the old one: that asks the file system for no new file, and for no room on a full disk.
 */
export function replaceFile(path: string, text: string): void {
  const bytes = Buffer.from(text);
  if (bytes.length <= BLOCK_BYTES && overwrite(path, bytes, BLOCK_BYTES)) return;
  const temporary = path + TEMPORARY_SUFFIX;
  try {
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    removeFile(temporary);
    const code = errnoOf(error);
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    // Better than nothing, though a server that is killed in the middle may leave half of it.
    if (!overwrite(path, bytes, Infinity)) throw error;
  }
}

/** The same in a folder that may not be there; it is made then, for the server alone. */
export function replaceFileAndFolder(path: string, text: string): void {
  try {
    replaceFile(path, text);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    replaceFile(path, text);
  }
}

/** Whether a file of this name is one that was to replace another. */
export function isTemporary(name: string): boolean {
  return name.endsWith(TEMPORARY_SUFFIX);
}

/** The text of a file; null if there is none. */
export function readFile(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Removes a file; does nothing if there is none. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Writes over a file within the blocks that it has. A shorter text is filled up with spaces, which JSON
 * ignores, so that there is nothing to be cut off after it. A server that is killed in the middle leaves
 * the old text or the new one, unless the text is longer than a page: the kernel may stop between two.
 * @param most bytes that the file may have now
 * @returns false if there is no such file, or no room in it
 */
function overwrite(path: string, bytes: Buffer, most: number): boolean {
  let fd: number;
  try {
    fd = openSync(path, 'r+');
  } catch {
    return false;
  }
  try {
    const { size } = fstatSync(fd);
    if (size > most || bytes.length > Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES) return false;
    const filled = Buffer.alloc(Math.max(bytes.length, size), ' ');
    bytes.copy(filled);
    return writeSync(fd, filled, 0, filled.length, 0) === filled.length;
  } catch {
    return false;
  } finally {
    closeSync(fd);
  }
}

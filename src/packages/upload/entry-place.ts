import { archiveFault, shownName } from './archive-fault.js';

/** Bytes of a whole name, and of one part of it; and how many parts it may have. */
const MAX_NAME_BYTES = 1024;
const MAX_PART_BYTES = 255;
const MAX_DEPTH = 32;

/**
 * The folders that lead to an entry of an archive, and its own name; empty for the top of the archive
 * itself (`./`).
 * @throws {RunnerError} `package_invalid` for a name that leads elsewhere, or that cannot be one
 */
export function partsOf(name: string): string[] {
  const fault = (rule: string) => archiveFault(`the name ${shownName(name)} ${rule}`);
  if (name === '') throw archiveFault('an entry has no name');
  if (name.includes('\0')) throw fault('holds a NUL');
  // What the reader puts in the place of bytes that are no UTF-8.
  if (name.includes('\ufffd')) throw fault('is not UTF-8');
  if (name.startsWith('/')) throw fault('is an absolute path');
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw fault(`has over ${MAX_NAME_BYTES} bytes`);
  const parts = name
    .replace(/^(\.\/)+/, '')
    .replace(/\/$/, '')
    .split('/');
  if (parts.length === 1 && (parts[0] === '' || parts[0] === '.')) return [];
  if (parts.length > MAX_DEPTH) throw fault(`lies over ${MAX_DEPTH} folders deep`);
  for (const part of parts) {
    if (part === '..') throw fault('leads out of its folder');
    if (part === '' || part === '.') throw fault('has an empty part');
    if (Buffer.byteLength(part) > MAX_PART_BYTES) {
      throw fault(`has a part of over ${MAX_PART_BYTES} bytes`);
    }
  }
  return parts;
}

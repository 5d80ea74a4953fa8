import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { errnoOf } from '../../common/errors.js';
import { removeFile } from '../../common/small-files.js';

/*
 * The paths of a session's files at the end of a run, for the next run to be compared with: a head that says
 * of which folder they are, and then one record for each path, `+` where it is there. What is put there or
 * removed in between is noted behind them, the last record counts. Each ends with a NUL, which no path has.
 */

const VERSION = 'paths-1';
/** A list that is longer is not of a tree that is scanned. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * The paths that were there, in latin1.
 * @param folder the identity of the folder that they must be of
 * @returns null if they are not known
 */
export function readSnapshot(file: string, folder: string): Set<string> | null {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  const records = text.split('\0');
  if (records[0] !== headOf(folder) || text.length > MAX_BYTES) return null;
  const paths = new Set<string>();
  for (let index = 1; index < records.length; index += 1) {
    const record = records[index]!;
    if (record.startsWith('+')) paths.add(record.slice(1));
    else if (record !== '') paths.delete(record.slice(1));
  }
  return paths;
}

/** Replaces the paths that are known. */
export function writeSnapshot(file: string, folder: string, paths: readonly string[]): void {
  const records = paths.map((path) => `+${path}\0`);
  const temporary = `${file}.tmp`;
  try {
    writeFileSync(temporary, `${headOf(folder)}\0${records.join('')}`, {
      encoding: 'latin1',
      mode: 0o600,
    });
    renameSync(temporary, file);
  } catch (error) {
    removeFile(temporary);
    throw error;
  }
}

/** Notes that a path has come or gone, where paths are known at all. */
export function noteInSnapshot(file: string, path: string, isThere: boolean): void {
  const record = Buffer.concat([Buffer.from(isThere ? '+' : '-'), Buffer.from(path), Buffer.of(0)]);
  let fd: number;
  try {
    // Without O_CREAT: a list of this one path would say that there was nothing else.
    fd = openSync(file, constants.O_WRONLY | constants.O_APPEND);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  try {
    writeSync(fd, record);
  } finally {
    closeSync(fd);
  }
}

function headOf(folder: string): string {
  return `${VERSION} ${folder}`;
}

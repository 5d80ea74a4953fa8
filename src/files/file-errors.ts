import { shortened } from '../common/cut-text.js';
import { errnoOf, RunnerError } from '../common/errors.js';
import { UnsafePathError } from '../common/regular-file.js';
import type { SessionPath } from './session-path.js';

/** Nothing stands at a path of a session. */
export function fileNotFound(path: SessionPath): RunnerError {
  return new RunnerError('file_not_found', `There is nothing at "${shown(path)}" in this session.`);
}

/** The folder was there when it was opened, and is no more. */
export function folderGone(path: SessionPath): RunnerError {
  return new RunnerError(
    'file_not_found',
    `The folder of "${shown(path)}" was removed meanwhile; nothing was stored. Send it again.`,
  );
}

/** Something else stands where a file was asked for. */
export function notAFile(path: SessionPath, found: string): RunnerError {
  return new RunnerError('not_a_file', `"${shown(path)}" is ${found}, not a regular file.`);
}

/** Something else stands where a folder was asked for, or on the way. */
export function notAFolder(path: string, found: string): RunnerError {
  return new RunnerError('not_a_folder', `"${cut(path)}" is ${found}, not a folder.`);
}

/** A place is in a package, which a session only reads. */
export function readOnly(path: SessionPath): RunnerError {
  return new RunnerError(
    'path_read_only',
    `"${shown(path)}" is part of the session's package, which can only be read here.`,
  );
}

/** Says what is wrong with a file that was asked for. */
export function fileError(error: unknown, path: SessionPath): unknown {
  if (errnoOf(error) === 'ENOENT') return fileNotFound(path);
  if (errnoOf(error) === 'EACCES') return notAFile(path, 'closed to the runner');
  if (error instanceof UnsafePathError) return notAFile(path, error.found);
  return error;
}

function shown(path: SessionPath): string {
  return cut(path.join('/'));
}

/** Names may have any characters, and as many as there are. */
function cut(text: string): string {
  const visible = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
  return shortened(visible, 200);
}

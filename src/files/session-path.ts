import { isUtf8 } from 'node:buffer';
import { RunnerError } from '../common/errors.js';
import { INSTRUCTION_FILE } from '../common/instruction-files.js';

/** Bytes in a name, and in a path, on the file systems of Linux. */
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4096;

/** The components of a path in `repo/`; empty for `repo/` itself. */
export type SessionPath = readonly string[];

/**
 * Checks the components of a path as a client has sent them, each decoded once.
 * @throws {RunnerError} `path_invalid`
 */
export function pathOf(components: readonly string[]): SessionPath {
  const fault = components.map(nameFault).find((it) => it !== null);
  if (fault) throw invalid(fault);
  if (Buffer.byteLength(components.join('/')) > MAX_PATH_BYTES) {
    throw invalid(`must have at most ${MAX_PATH_BYTES} bytes`);
  }
  return components;
}

/**
 * The path of a text whose components stand between slashes; an empty text is `repo/` itself.
 * @throws {RunnerError} `path_invalid`
 */
export function pathIn(text: unknown): SessionPath {
  if (text === undefined || text === '') return [];
  if (typeof text !== 'string') throw invalid('must be given once');
  return pathOf(text.split('/'));
}

/**
 * Refuses to change what the server itself writes for each run, and what git starts programs from.
 * @param aliases further names of the instructions, which stand at the top too
 * @throws {RunnerError} `path_reserved`
 */
export function requireChangeable(path: SessionPath, aliases: Iterable<string>): void {
  const isGit = path.some((name) => name.toLowerCase() === '.git');
  const top = path[0]?.toLowerCase();
  const isRules = [INSTRUCTION_FILE, ...aliases].some((name) => name.toLowerCase() === top);
  if (!isGit && !isRules) return;
  throw new RunnerError(
    'path_reserved',
    isGit
      ? 'Nothing can be changed in a folder ".git" from outside; let the agent do it.'
      : `"${path[0]}" holds the administrator's rules, which the runner puts there itself; take another name.`,
  );
}

/** A name as a text; the bytes of one that is no UTF-8 are shown as `\xE9`. */
export function shownName(name: Buffer): { text: string; isText: boolean } {
  if (isUtf8(name)) return { text: name.toString(), isText: true };
  const shown = [...name].map((byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16).toUpperCase()}`,
  );
  return { text: shown.join(''), isText: false };
}

function nameFault(name: string): string | null {
  if (name === '') return 'must not have empty components, nor begin or end with a slash';
  if (name === '.' || name === '..') return 'must not have "." or ".." as a component';
  if (name.includes('/')) return 'must not have a slash in a component';
  if (name.includes('\0')) return 'must not have a NUL';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    return `must have at most ${MAX_NAME_BYTES} bytes in each component`;
  }
  return null;
}

function invalid(rule: string): RunnerError {
  return new RunnerError('path_invalid', `The path ${rule}.`, {
    errors: [{ field: 'path', message: rule }],
  });
}

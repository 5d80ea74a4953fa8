import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { makeFolderSync } from '../common/make-folder.js';

/**
 * The home of the user. An empty or relative `HOME` would put everything into the working directory:
 * then the system's list of users decides.
 * @returns null if that does not know this user either
 */
export function userHome(): string | null {
  try {
    const home = homedir();
    return isAbsolute(home) ? home : userInfo().homedir;
  } catch {
    return null;
  }
}

/** A path from the environment as an absolute one, where `~` is the user's home. */
export function absolute(value: string | undefined, fallback: string): string {
  if (value === undefined) return fallback;
  const isInHome = value === '~' || value.startsWith('~/');
  return resolve(isInHome ? (userHome() ?? '') + value.slice(1) : value);
}

/** A program's name, which is looked for on PATH, or its path, which is made absolute. */
export function nameOrPath<T extends string | undefined>(value: T): T | string {
  return value?.includes('/') === true ? absolute(value, value) : value;
}

/** Whether something that is no folder stands at a path or at one above it. */
export function isBlocked(path: string): boolean {
  try {
    return !statSync(path).isDirectory();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR';
  }
}

/** The first folder of `candidates` that exists or can be made, and can be written. */
export function firstUsable(
  candidates: string[],
  variable: string,
  { faults, warnings }: { faults: string[]; warnings: string[] },
  mode = 0o777,
): string {
  const named = `${variable} is ${JSON.stringify(candidates[0])}, but it`;
  for (const path of candidates) {
    try {
      makeFolderSync(path, mode);
      accessSync(path, constants.W_OK | constants.X_OK);
      // Links are resolved once, here: later no component may be one.
      const usable = realpathSync(path);
      if (path !== candidates[0]) {
        warnings.push(
          `${named} cannot be made or written; ${JSON.stringify(usable)} is used instead.`,
        );
      }
      return usable;
    } catch {
      // The next candidate, or the fault below.
    }
  }
  faults.push(`${named} must be a folder that the runner can make and write.`);
  return '';
}

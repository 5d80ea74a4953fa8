import { RunnerError } from '../../common/errors.js';

const MAX_SHOWN = 100;

/** An archive is not what a package is made of. @param rule what is wrong, a sentence without its end */
export function archiveFault(rule: string, cause?: unknown): RunnerError {
  return new RunnerError('package_invalid', `The archive cannot be used: ${rule}.`, {
    requested: true,
    cause,
  });
}

/** An archive is more than a package may be. */
export function archiveTooLarge(rule: string): RunnerError {
  return new RunnerError('package_too_large', `The archive cannot be used: ${rule}.`);
}

/** The name of an entry for a sentence: whoever made the archive has chosen it. */
export function shownName(name: string): string {
  const visible = name.replace(/[\p{C}\p{Zl}\p{Zp}"]/gu, '?');
  return visible.length > MAX_SHOWN ? `"${visible.slice(0, MAX_SHOWN)}…"` : `"${visible}"`;
}

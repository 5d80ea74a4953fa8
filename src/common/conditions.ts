import { RunnerError } from '../common/errors.js';

/** What a client knows of a file that it wants to change, as the headers of that name say it. */
export interface Conditions {
  ifMatch: string | undefined;
  ifNoneMatch: string | undefined;
}

/** A change that is made only where nothing stands. */
export function isForNew({ ifNoneMatch }: Conditions): boolean {
  return ifNoneMatch?.trim() === '*';
}

/**
 * Checks what a client knows against what is there.
 * @param etag of the file; null where there is none
 * @throws {RunnerError} `precondition_failed`
 */
export function requireConditions({ ifMatch, ifNoneMatch }: Conditions, etag: string | null) {
  if (ifMatch !== undefined && !names(ifMatch, etag)) {
    throw failed(etag === null ? 'there is no such file' : 'the file is another by now');
  }
  if (ifNoneMatch !== undefined && names(ifNoneMatch, etag)) throw failed('it is there already');
}

/** The condition that nothing stands at a place does not hold. */
export function existsAlready(): RunnerError {
  return failed('it is there already');
}

/** Whether a list of validators has one, or stands for whatever is there. */
export function names(list: string, etag: string | null): boolean {
  if (etag === null) return false;
  if (list.trim() === '*') return true;
  // None of ours has a comma in it. All are strong: a weak one is ours after a proxy that compresses.
  return list.split(',').some((it) => it.trim().replace(/^W\//, '') === etag);
}

function failed(why: string): RunnerError {
  return new RunnerError(
    'precondition_failed',
    `Nothing was changed: ${why}. Look at it again, and decide anew.`,
  );
}

import { RunnerError } from '../common/errors.js';

const MAX_SHOWN_LENGTH = 100;

/**
 * The form in which a package id is stored and compared (contract, section 4).
 * @throws {RunnerError} `package_invalid` if nothing is left of it
 */
export function normalizePackageId(raw: string): string {
  const id = tryNormalizePackageId(raw);
  if (id === null) {
    throw new RunnerError('package_invalid', 'A package id needs at least one letter or digit.', {
      requested: true,
    });
  }
  return id;
}

/** An id as it is shown in a sentence: whole, unless somebody sent a very long one. */
export function shownPackageId(raw: string): string {
  return raw.length > MAX_SHOWN_LENGTH ? `${raw.slice(0, MAX_SHOWN_LENGTH)}…` : raw;
}

/** Like `normalizePackageId`, but null if nothing is left. Its cost is linear in the length of `raw`. */
export function tryNormalizePackageId(raw: string): string | null {
  const id = raw
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_-]/gu, '-')
    .replace(/-+/g, '-')
    // Without the look-behind, a long run in the middle would be tried anew from each of its places.
    .replace(/^[-_]+|(?<![-_])[-_]+$/g, '');
  return id === '' ? null : id;
}

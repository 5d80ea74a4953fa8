import { RunnerError } from '../common/errors.js';

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

/** Like `normalizePackageId`, but null if nothing is left. */
export function tryNormalizePackageId(raw: string): string | null {
  const id = raw
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_-]/gu, '-')
    .replace(/-+/g, '-')
    .replace(/^[-_]+|[-_]+$/g, '');
  return id === '' ? null : id;
}

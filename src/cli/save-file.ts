import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errnoOf } from '../common/errors.js';
import { LocalError } from './failure.js';

/**
 * Writes what comes to a file, whole or not at all. A link that stands in its place is never written
 * through, and nothing is replaced that was there.
 * @param overwrite replaces what stands there; of a link, the link
 * @throws {LocalError} if it cannot be written
 */
export async function saveFile(
  path: string,
  body: AsyncIterable<Uint8Array>,
  overwrite: boolean,
): Promise<void> {
  // Beside it, so that it can be put in its place in one step; under a name that nobody can foresee.
  const part = join(dirname(path), `.${randomBytes(9).toString('base64url')}.part`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(part, flags).catch((error: unknown) => {
    throw notWritable(path, error);
  });
  try {
    await pipeline(Readable.from(body), file.createWriteStream());
    if (overwrite) await rename(part, path);
    else await link(part, path);
  } catch (error) {
    // Only what this system says of the file: whatever else went wrong has its own words.
    throw errnoOf(error) === undefined ? error : notWritable(path, error);
  } finally {
    await rm(part, { force: true });
  }
}

function notWritable(path: string, error: unknown): Error {
  const name = JSON.stringify(path);
  switch (errnoOf(error)) {
    case 'EEXIST':
      return new LocalError(`${name} is there already; take another name, or --force.`);
    case 'EISDIR':
    case 'ENOTEMPTY':
      return new LocalError(`${name} is a folder; name a file in it.`);
    case 'ENOENT':
    case 'ENOTDIR':
      return new LocalError(`There is no folder for ${name}; make it first.`);
    case 'ENOSPC':
    case 'EDQUOT':
      return new LocalError(`The disk is full; ${name} was not written.`);
    default:
      return new LocalError(`${name} cannot be written (${errnoOf(error)}); take another place.`);
  }
}

import type { Stats } from 'node:fs';
import { lstat, opendir, readlink } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import type { Directory } from '../common/directory.js';
import { errnoOf, RunnerError } from '../common/errors.js';
import { Places } from '../common/places.js';
import type { LinksOfSession } from './overlay-links.js';
import type { ListPart } from './list-part.js';
import type { SessionOrder } from './session-order.js';
import { SessionFolders } from './session-folders.js';
import { type SessionPath, shownName } from './session-path.js';
import { SmallestNames } from './smallest-names.js';

/** What a list of a folder says of one entry. */
export interface FolderEntry {
  name: string;
  /** From `repo/` on. */
  path: string;
  type: 'file' | 'folder' | 'link' | 'other';
  /** Bytes of a file; null for anything else. */
  size: number | null;
  /** UTC. */
  modified_at: string;
  /** Where a link points, as a text; null for anything else, and where it is no text in UTF-8. */
  target: string | null;
  /** The link of a package, behind which its files can be read. */
  is_package_link: boolean;
  /** False for a name that is no UTF-8: its bytes are shown, but no path leads to it. */
  addressable: boolean;
}

/** A part of the entries of a folder, in order of the bytes of their names. */
export interface FolderPage {
  entries: FolderEntry[];
  /** Where the next part begins; null behind the last. */
  next: string | null;
}

/** Lists at a time: each reads its whole folder, however few entries are asked for. */
const PLACES = { all: 32, owner: 16, each: 8 };

/** Lists the folders of sessions. */
@Injectable()
export class FolderListing {
  private readonly places = new Places(PLACES);

  constructor(private readonly folders: SessionFolders) {}

  /**
   * Lists a part of a folder, in memory that depends on the part and not on the folder.
   * @param part how many entries, and the cursor of the part before; null for the first
   * @param left aborts when nobody waits for it any more
   * @throws {RunnerError} `session_not_found`, `file_not_found`, `not_a_folder`, `cursor_invalid`,
   *   `too_many_requests`
   * @throws the signal's reason
   */
  async list(
    { sessionId, owner }: SessionOrder,
    path: SessionPath,
    { limit, cursor }: ListPart,
    left: AbortSignal,
  ): Promise<FolderPage> {
    const after = cursor === null ? null : nameIn(cursor);
    const listing = () => this.listNow(sessionId, path, limit, after, left);
    return this.places.run({ key: sessionId, owner }, listing);
  }

  private async listNow(
    sessionId: string,
    path: SessionPath,
    limit: number,
    after: Buffer | null,
    left: AbortSignal,
  ): Promise<FolderPage> {
    left.throwIfAborted();
    return this.folders.inFolder(sessionId, path, async (folder, session) => {
      const names = await namesAfter(folder, after, limit + 1, left);
      const shown = names.slice(0, limit);
      // Only the two upper levels can have links of an overlay.
      const links = path.length < 2 ? await session.links() : null;
      const entries = await Promise.all(shown.map((name) => describe(folder, path, name, links)));
      return {
        entries: entries.filter((entry) => entry !== null),
        next: names.length > limit ? shown.at(-1)!.toString('base64url') : null,
      };
    });
  }
}

async function namesAfter(
  folder: Directory,
  after: Buffer | null,
  limit: number,
  left: AbortSignal,
): Promise<Buffer[]> {
  const smallest = new SmallestNames(limit);
  // As latin1 every byte of a name comes through.
  for await (const { name } of await opendir(folder.self, {
    encoding: 'latin1',
    bufferSize: 512,
  })) {
    left.throwIfAborted();
    const bytes = Buffer.from(name, 'latin1');
    if (after === null || Buffer.compare(bytes, after) > 0) smallest.add(bytes);
  }
  return smallest.sorted();
}

/** @returns null for what has gone meanwhile */
async function describe(
  folder: Directory,
  path: SessionPath,
  name: Buffer,
  links: LinksOfSession | null,
): Promise<FolderEntry | null> {
  const place = folder.at(name);
  const { text, isText } = shownName(name);
  const below = [...path, text];
  try {
    const stats = await lstat(place);
    const target = stats.isSymbolicLink() ? await readlink(place, { encoding: 'buffer' }) : null;
    const shown = target === null ? null : shownName(target);
    const isOurs = isText && shown?.isText === true && links?.isOurs(below, shown.text) === true;
    return {
      name: text,
      path: below.join('/'),
      type: typeOf(stats),
      size: stats.isFile() ? stats.size : null,
      modified_at: stats.mtime.toISOString(),
      target: shown?.isText ? shown.text : null,
      is_package_link: isOurs,
      addressable: isText,
    };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EINVAL') return null;
    throw error;
  }
}

function typeOf(stats: Stats): FolderEntry['type'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'folder';
  return stats.isSymbolicLink() ? 'link' : 'other';
}

function nameIn(cursor: string): Buffer {
  const name = Buffer.from(cursor, 'base64url');
  if (name.length > 0 && name.toString('base64url') === cursor) return name;
  throw new RunnerError(
    'cursor_invalid',
    'The cursor is none of this list; take the next_cursor of the page before, or none.',
  );
}

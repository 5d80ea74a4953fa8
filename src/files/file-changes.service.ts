import { link, rename, rmdir, unlink } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { errnoOf, RunnerError } from '../common/errors.js';
import { KeyedLimiter } from '../common/keyed-limiter.js';
import { openEntry } from '../common/open-folder.js';
import { InstructionFilesService } from '../workspace/instruction-files.service.js';
import { RunChanges } from './changes/run-changes.service.js';
import {
  type Conditions,
  existsAlready,
  isForNew,
  requireConditions,
} from '../common/conditions.js';
import { fileError, fileNotFound, folderGone, notAFile } from './file-errors.js';
import { etagOf } from './open-file.js';
import { type OpenSession, type Place, SessionFolders } from './session-folders.js';
import { requireChangeable, type SessionPath } from './session-path.js';
import { type StagedFile, Staging } from './staging.service.js';

/** What an upload has become. */
export interface Uploaded {
  isNew: boolean;
  etag: string;
}

/** What stands at a place; the validator is that of a file alone. */
interface Occupant {
  isFolder: boolean;
  mode: number | null;
  etag: string | null;
}

/** Puts files into sessions and removes them. What a client sees is whole, or not there. */
@Injectable()
export class FileChanges {
  /** Between the look at what is there and the change nobody else who asks here changes it. */
  private readonly turns = new KeyedLimiter();

  constructor(
    private readonly folders: SessionFolders,
    private readonly staging: Staging,
    private readonly instructions: InstructionFilesService,
    private readonly changes: RunChanges,
  ) {}

  /**
   * Puts a file at a path, in the place of whatever stands there but a folder; folders on the way are made.
   * A link is replaced, never followed.
   * @param body consumed once it is clear that it may be written
   * @param maxBytes that it may have
   * @throws {RunnerError} `session_not_found`, `path_reserved`, `path_read_only`, `not_a_file`,
   *   `not_a_folder`, `file_not_found` where its folder is removed meanwhile, `precondition_failed`,
   *   `file_too_large`, `disk_full`
   * @throws what the body throws; then nothing is changed
   */
  async put(
    sessionId: string,
    path: SessionPath,
    body: AsyncIterable<Buffer>,
    { maxBytes, ...conditions }: Conditions & { maxBytes: number },
  ): Promise<Uploaded> {
    requireChangeable(path, this.instructions.aliasNames);
    // Open until all of it has come: a session that is removed meanwhile is gone for it too.
    return this.folders.within(sessionId, async (session) => {
      // A client should not send for an hour what will be refused.
      await this.atPlaceIfThere(session, path, async (place) => {
        requireReplaceable(await occupantOf(place), path, conditions);
      });
      const staged = await this.staging.newFile();
      try {
        await receive(body, staged, maxBytes);
        return await this.turns.run(sessionId, () => {
          const put = (place: Place) => this.replace(staged, place, sessionId, path, conditions);
          return this.folders.atOwnPlace(session, path, true, put);
        });
      } finally {
        await staged.discard();
      }
    });
  }

  /**
   * Removes a file, a link (and not what it leads to), or an empty folder.
   * @throws {RunnerError} `session_not_found`, `file_not_found`, `path_reserved`, `path_read_only`,
   *   `not_a_folder`, `folder_not_empty`, `precondition_failed`
   */
  async remove(sessionId: string, path: SessionPath, conditions: Conditions): Promise<void> {
    requireChangeable(path, this.instructions.aliasNames);
    await this.folders.within(sessionId, (session) =>
      this.turns.run(sessionId, () =>
        this.folders.atOwnPlace(session, path, false, async (place) => {
          const present = await occupantOf(place);
          if (present === null) throw fileNotFound(path);
          requireConditions(conditions, present.etag);
          const at = place.folder.at(place.name);
          try {
            await (present.isFolder ? rmdir(at) : unlink(at));
          } catch (error) {
            throw removalError(error, path);
          }
          this.changes.note(sessionId, path, false);
        }),
      ),
    );
  }

  private async replace(
    staged: StagedFile,
    place: Place,
    sessionId: string,
    path: SessionPath,
    conditions: Conditions,
  ): Promise<Uploaded> {
    const present = await occupantOf(place);
    requireReplaceable(present, path, conditions);
    // What could be run still can.
    if (present?.mode) await staged.handle.chmod(present.mode);
    await this.place(staged, place, path, conditions);
    this.changes.note(sessionId, path, true);
    const etag = etagOf(await staged.handle.stat({ bigint: true }));
    return { isNew: present === null, etag };
  }

  private async place(
    staged: StagedFile,
    { folder, name }: Place,
    path: SessionPath,
    conditions: Conditions,
  ): Promise<void> {
    try {
      // Of two that are to be the first, one is.
      if (isForNew(conditions)) {
        await link(staged.path, folder.at(name));
        await unlink(staged.path);
      } else {
        await rename(staged.path, folder.at(name));
      }
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') throw existsAlready();
      if (errnoOf(error) === 'EISDIR') throw notAFile(path, 'a folder');
      // It is open all the same.
      if (errnoOf(error) === 'ENOENT') throw folderGone(path);
      throw error;
    }
  }

  /** Where folders on the way are still to be made there is nothing to look at. */
  private async atPlaceIfThere(
    session: OpenSession,
    path: SessionPath,
    work: (place: Place) => Promise<void>,
  ): Promise<void> {
    try {
      await this.folders.atOwnPlace(session, path, false, work);
    } catch (error) {
      if (!(error instanceof RunnerError) || error.code !== 'file_not_found') throw error;
    }
  }
}

async function receive(
  body: AsyncIterable<Buffer>,
  { handle }: StagedFile,
  maxBytes: number,
): Promise<void> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw fileTooLarge(maxBytes);
    for (let done = 0; done < chunk.length;) {
      done += (await handle.write(chunk, done)).bytesWritten;
    }
  }
}

/** A body is larger than a file may be. */
export function fileTooLarge(maxBytes: number): RunnerError {
  return new RunnerError(
    'file_too_large',
    `The file is larger than ${maxBytes} bytes, which is the most that may be uploaded.`,
  );
}

/** @returns null where nothing stands */
async function occupantOf({ folder, name }: Place): Promise<Occupant | null> {
  let stats;
  try {
    const entry = await openEntry(folder.at(name));
    stats = await entry.stat({ bigint: true }).finally(() => entry.close());
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  const mode = stats.isFile() ? Number(stats.mode) & 0o777 : null;
  return { isFolder: stats.isDirectory(), mode, etag: stats.isFile() ? etagOf(stats) : null };
}

function requireReplaceable(
  present: Occupant | null,
  path: SessionPath,
  conditions: Conditions,
): void {
  // Something that is no file is there all the same.
  if (present !== null && isForNew(conditions)) throw existsAlready();
  requireConditions(conditions, present?.etag ?? null);
  if (present?.isFolder) throw notAFile(path, 'a folder');
}

function removalError(error: unknown, path: SessionPath): unknown {
  const code = errnoOf(error);
  if (code === 'ENOTEMPTY' || code === 'EEXIST') {
    return new RunnerError(
      'folder_not_empty',
      `"${path.join('/')}" is a folder with something in it; remove that first.`,
    );
  }
  // It has become something else since it was looked at.
  if (code === 'EISDIR' || code === 'ENOTDIR') return notAFile(path, 'another by now');
  return fileError(error, path);
}

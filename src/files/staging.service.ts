import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rename, unlink } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { Directory } from '../common/directory.js';
import { errnoOf } from '../common/errors.js';
import { UnsafePathError } from '../common/regular-file.js';
import { RunnerConfig } from '../config/runner-config.js';
import { sessionNotFound } from '../tenancy/session-access.js';
import { SESSION_ID } from '../workspace/session-id.js';

/** Names beside the sessions that no session can have: they begin with a dot. */
const UPLOADS = '.uploads';
const REMOVALS = '.removing';
/** Begins the name of what is only to be removed: nothing is known of it any more, and no session is named so. */
const REST = '.rest-';

/** A file that has no name yet in any session. */
export interface StagedFile {
  /** Open for writing. */
  handle: FileHandle;
  /** Its path while its folder is open. */
  path: string;
  /** Closes it, and removes it where it still is. */
  discard(): Promise<void>;
}

/** Keeps what is not whole yet beside the sessions, on their file system and out of their lists. */
@Injectable()
export class Staging {
  constructor(private readonly config: RunnerConfig) {}

  /** Makes an empty file under a name that nobody else has. */
  async newFile(): Promise<StagedFile> {
    const folder = await this.openFolder(UPLOADS);
    try {
      const path = folder.at(randomBytes(18).toString('base64url'));
      const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
      const handle = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o666);
      const discard = async () => {
        await handle.close();
        await unlink(path).catch(() => undefined);
        await folder.close();
      };
      return { handle, path, discard };
    } catch (error) {
      await folder.close();
      throw error;
    }
  }

  /**
   * Takes the folder of a session out of its place, in one step; from then on the session is no more.
   * @param isKnown the session is on record: whatever stands in the place of its folder, an agent has put there
   * @throws {RunnerError} `session_not_found` for what is neither on record nor a folder
   * @throws ENOENT where there is none
   */
  async takeAway(sessionId: string, isKnown: boolean): Promise<void> {
    await this.inRemovals(async (removals, root) => {
      const isFolder = (await lstat(root.at(sessionId))).isDirectory();
      if (!isFolder && !isKnown) throw sessionNotFound();
      // What is left of an earlier removal under this name was taken up at the start.
      await removals.remove(sessionId);
      await rename(root.at(sessionId), removals.at(sessionId));
    });
  }

  /**
   * Makes a rest of a folder that was taken away; all that was known of its session is forgotten by now.
   * @returns the name of the rest
   */
  async setAside(sessionId: string): Promise<string> {
    const rest = newRest();
    await this.inRemovals((removals) => removals.rename(sessionId, rest));
    return rest;
  }

  /** The sessions whose removal a server before this one has begun. */
  async unfinishedRemovals(): Promise<string[]> {
    const left = await this.inRemovals((removals) => readdir(removals.self));
    return left.filter((name) => SESSION_ID.test(name));
  }

  /**
   * Makes rests of the uploads that a server before this one has left; call it before there is one.
   * @returns the names of all rests
   */
  async beginAnew(): Promise<string[]> {
    return this.inRemovals(async (removals, root) => {
      try {
        await rename(root.at(UPLOADS), removals.at(newRest()));
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
      }
      return (await readdir(removals.self)).filter((name) => !SESSION_ID.test(name));
    });
  }

  /** Removes rests, which takes as long as they are large. */
  async removeRests(names: readonly string[]): Promise<void> {
    await this.inRemovals(async (removals) => {
      for (const name of names) await removals.remove(name);
    });
  }

  private async inRemovals<T>(
    work: (removals: Directory, root: Directory) => Promise<T>,
  ): Promise<T> {
    const removals = await this.openFolder(REMOVALS);
    try {
      const root = await Directory.open(this.config.workspacesRoot);
      try {
        return await work(removals, root);
      } finally {
        await root.close();
      }
    } finally {
      await removals.close();
    }
  }

  /** Opens a folder beside the sessions, made where there is none; what else stands there goes. */
  private async openFolder(name: string): Promise<Directory> {
    const root = await Directory.open(this.config.workspacesRoot);
    try {
      return await root.ensureSub(name, 0o700).catch(async (error: unknown) => {
        if (!(error instanceof UnsafePathError)) throw error;
        await root.remove(name);
        return root.ensureSub(name, 0o700);
      });
    } finally {
      await root.close();
    }
  }
}

function newRest(): string {
  return `${REST}${randomBytes(9).toString('base64url')}`;
}

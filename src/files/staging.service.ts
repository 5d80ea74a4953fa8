import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { Directory } from '../common/directory.js';
import { UnsafePathError } from '../common/regular-file.js';
import { RunnerConfig } from '../config/runner-config.js';

/** Names beside the sessions that no session can have: they begin with a dot. */
const UPLOADS = '.uploads';

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

  /** Removes what a server before this one has left. */
  async clear(): Promise<void> {
    const root = await Directory.open(this.config.workspacesRoot);
    try {
      await root.remove(UPLOADS);
    } finally {
      await root.close();
    }
  }

  /** Opens a folder beside the sessions, made where there is none; what else stands there goes. */
  async openFolder(name: string): Promise<Directory> {
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

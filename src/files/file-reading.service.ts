import { Injectable } from '@nestjs/common';
import { fileError } from './file-errors.js';
import { type OpenFile, openFile } from './open-file.js';
import { SessionFolders } from './session-folders.js';
import type { SessionPath } from './session-path.js';

/** Opens files of sessions to be read. */
@Injectable()
export class FileReading {
  constructor(private readonly folders: SessionFolders) {}

  /**
   * Opens a file of a session, or of its package. The caller closes it.
   * @throws {RunnerError} `session_not_found`, `file_not_found`, `not_a_file`, `not_a_folder`
   */
  async open(sessionId: string, path: SessionPath): Promise<OpenFile> {
    return this.folders.atPlace(sessionId, path, async ({ folder, name }) => {
      try {
        return await openFile(folder, name);
      } catch (error) {
        throw fileError(error, path);
      }
    });
  }
}

import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readlink,
  rename,
  rmdir,
  stat,
  symlink,
  unlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from './errors.js';
import { openFolder, openOwnFolder } from './open-folder.js';
import { readRegularFile } from './regular-file.js';
import { removeTree } from './remove-tree.js';

/** How a file is put in place. */
export interface WriteOptions {
  /** Permission bits, whatever the umask; without them it decides. */
  mode?: number;
  /** Flush the content to the disk before the file gets its name: it survives a power cut whole. */
  sync?: boolean;
}

/**
 * A folder held open by descriptor. Every operation names one entry of it and goes through
 * `/proc/self/fd/N/name`, so no component above that entry can be swapped for a link while the server
 * works (what `openat` does in C). No operation follows a link in the entry itself.
 *
 * Whoever opens one closes it: `await using` is not yet everywhere, so callers use `try … finally`.
 */
export class Directory {
  private constructor(
    private readonly handle: FileHandle,
    /** The path by which it was opened; for messages and for programs that need a path. */
    readonly path: string,
  ) {}

  /**
   * Opens a folder.
   * @throws {UnsafePathError} if the last component is a link or no folder
   */
  static async open(path: string): Promise<Directory> {
    return new Directory(await openFolder(path, path), path);
  }

  /**
   * Opens a sub-folder of this one, never through a link. Where its owner is the server and may not
   * read, write or enter it any more, that is mended. Errors as for `open`.
   */
  async openSub(name: string | Buffer): Promise<Directory> {
    const path = join(this.path, name.toString());
    return new Directory(await openOwnFolder(this.at(name), path), path);
  }

  /** Opens a sub-folder as it is, never through a link, where nothing is to be mended. Errors as for `open`. */
  async openSubAsIs(name: string | Buffer): Promise<Directory> {
    const path = join(this.path, name.toString());
    return new Directory(await openFolder(this.at(name), path), path);
  }

  /**
   * Opens the folder that this one is in now, which may be another than it was.
   * @throws {UnsafePathError} where it cannot be opened
   */
  async openParent(): Promise<Directory> {
    const path = join(this.path, '..');
    return new Directory(await openFolder(`${this.self}/..`, path), path);
  }

  /** What is known of the folder itself. */
  stat(): Promise<Stats> {
    return this.handle.stat();
  }

  /** Device and number, by which it is known again while it is there. */
  async identity(): Promise<string> {
    const { dev, ino } = await this.handle.stat({ bigint: true });
    return `${dev}:${ino}`;
  }

  /** Makes a sub-folder if nothing is there, then opens it. Errors as for `open`. */
  async ensureSub(name: string, mode = 0o777): Promise<Directory> {
    try {
      // Mostly it is there.
      return await this.openSub(name);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
    try {
      await mkdir(this.at(name), mode);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    return this.openSub(name);
  }

  /**
   * The path of an entry through this folder's descriptor; valid in this process while it is open. A
   * name is bytes in truth: one that is no text in UTF-8 is given, and comes back, as such.
   */
  at(name: string): string;
  at(name: string | Buffer): string | Buffer;
  at(name: string | Buffer): string | Buffer {
    const text = name.toString('latin1');
    if (text === '' || text === '.' || text === '..' || /[/\0]/.test(text)) {
      throw new Error(`not one name of an entry: ${JSON.stringify(name.toString())}`);
    }
    return typeof name === 'string'
      ? `${this.self}/${name}`
      : Buffer.concat([Buffer.from(`${this.self}/`), name]);
  }

  /** This folder itself by its descriptor, for example as the working directory of a child process. */
  get self(): string {
    return `/proc/self/fd/${this.handle.fd}`;
  }

  /** What stands at `name` (the link itself for a link), or null. */
  async lstat(name: string): Promise<Stats | null> {
    try {
      return await lstat(this.at(name));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    }
  }

  /** Where the link at `name` points, or null where there is no link. */
  async readLink(name: string): Promise<string | null> {
    try {
      return await readlink(this.at(name));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EINVAL') return null;
      throw error;
    }
  }

  /**
   * Reads a regular file of at most `maxBytes`; null where there is none.
   * @throws {UnsafePathError} for a link, a FIFO, a socket, a folder, or a larger file
   */
  async readFile(name: string, maxBytes: number): Promise<Buffer | null> {
    return readRegularFile(this.at(name), maxBytes, { shownPath: join(this.path, name) });
  }

  /** Puts a regular file at `name`, replacing whatever non-folder stands there, in one step. */
  async replaceFile(
    name: string,
    content: string | Buffer,
    options: WriteOptions = {},
  ): Promise<void> {
    await this.viaTemporary(content, options, (temporary) => rename(temporary, this.at(name)));
  }

  /** Puts a regular file at `name` if nothing stands there; says whether it did. */
  async createFile(
    name: string,
    content: string | Buffer,
    options: WriteOptions = {},
  ): Promise<boolean> {
    return this.viaTemporary(content, options, async (temporary) => {
      try {
        await link(temporary, this.at(name));
        return true;
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') return false;
        throw error;
      } finally {
        await unlink(temporary);
      }
    });
  }

  /** Puts a symbolic link at `name`, replacing whatever non-folder stands there, in one step. */
  async replaceLink(name: string, target: string): Promise<void> {
    const temporary = this.at(temporaryName());
    await symlink(target, temporary);
    try {
      await rename(temporary, this.at(name));
    } catch (error) {
      await unlink(temporary);
      throw error;
    }
  }

  /** Puts a symbolic link at `name`; false if something stands there already. */
  async createLink(name: string, target: string): Promise<boolean> {
    try {
      await symlink(target, this.at(name));
      return true;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    }
  }

  /** Renames an entry within this folder; a non-folder that stands at `to` is replaced. */
  async rename(from: string, to: string): Promise<void> {
    await rename(this.at(from), this.at(to));
  }

  /** Removes an empty folder; false if it is missing, not empty, or no folder. */
  async removeEmpty(name: string): Promise<boolean> {
    try {
      await rmdir(this.at(name));
      return true;
    } catch (error) {
      const code = errnoOf(error) ?? '';
      if (['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'].includes(code)) return false;
      throw error;
    }
  }

  /**
   * Removes whatever stands at `name`, a folder with all that is in it; links are not followed.
   * @param signal stops it within a folder
   * @throws the signal's reason
   */
  async remove(name: string, signal?: AbortSignal): Promise<void> {
    try {
      await unlink(this.at(name));
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOENT') return;
      if (code !== 'EISDIR' && code !== 'EPERM') throw error;
      this.at(name);
      await removeTree(this.self, name, signal);
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private async viaTemporary<T>(
    content: string | Buffer,
    { mode, sync = false }: WriteOptions,
    place: (temporary: string) => Promise<T>,
  ): Promise<T> {
    const temporary = this.at(temporaryName());
    const file = await open(
      temporary,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o644,
    );
    try {
      if (mode !== undefined) await file.chmod(mode);
      await file.writeFile(content);
      if (sync) await file.sync();
    } catch (error) {
      await unlink(temporary);
      throw error;
    } finally {
      await file.close();
    }
    try {
      return await place(temporary);
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
  }
}

/** By these a file system says that it has no symbolic links. */
const NO_SYMLINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Whether a link could not be made because the file system has none. */
export function meansNoSymlinks(error: unknown): boolean {
  return NO_SYMLINKS.has(errnoOf(error) ?? '');
}

/** Whether there is a folder at `path`, or a link to one. For places of the administrator only. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

function temporaryName(): string {
  return `.fermilink-${randomBytes(9).toString('base64url')}.tmp`;
}

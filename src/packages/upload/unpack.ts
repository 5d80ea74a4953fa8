import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { errnoOf, RunnerError } from '../../common/errors.js';
import type { PackageSettings } from '../../config/package-settings.js';
import { archiveFault, archiveTooLarge, shownName } from './archive-fault.js';
import { ArchiveIntake } from './archive-intake.js';
import { partsOf } from './entry-place.js';
import { HeaderGuard } from './header-guard.js';

const CHUNK_BYTES = 64 * 1024;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o444;
const EXECUTABLE_MODE = 0o555;

/** A file or a folder as the reader of the archive gives it; the next one comes when it has been read. */
interface Entry extends AsyncIterable<Buffer> {
  header: Header;
  resume(): unknown;
}

/**
 * Unpacks a tar.gz into an empty folder while it is received; no more than some chunks of it are ever in
 * memory. Files and folders alone are unpacked, anything else is refused. What an archive says of owners,
 * times and permissions is not taken over, but for the executable bit.
 * @throws {RunnerError} `package_invalid`, `package_too_large`, `body_too_large`, `request_timeout`; what
 *   has been unpacked until then is left for the caller to remove
 */
export async function unpack(
  body: Readable,
  folder: string,
  settings: PackageSettings,
): Promise<void> {
  const intake = new ArchiveIntake(settings);
  const guard = new HeaderGuard(settings.maxEntries);
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  const archive = extract();
  const entries = new EntryWriter(folder, settings.maxEntries);
  let first: unknown;
  const note = (error: unknown) => {
    first ??= error;
    archive.destroy();
  };
  const reading = pipeline(
    intake.receive(body),
    gunzip,
    (unpacked: AsyncIterable<Buffer>) => intake.bound(unpacked),
    (unpacked: AsyncIterable<Buffer>) => guard.watch(unpacked),
    archive,
  ).catch(note);
  const writing = writeAll(archive as AsyncIterable<unknown>, entries, guard).catch(note);
  await Promise.all([reading, writing]);
  if (first !== undefined) throw explained(first);
  if (gunzip.bytesWritten !== intake.received) {
    throw archiveFault('something follows its compressed content');
  }
  if (entries.count === 0) throw archiveFault('it holds nothing');
}

async function writeAll(
  archive: AsyncIterable<unknown>,
  entries: EntryWriter,
  guard: HeaderGuard,
): Promise<void> {
  for await (const entry of archive as AsyncIterable<Entry>) {
    if (guard.takeSize() !== entry.header.size) {
      throw archiveFault(`the headers of ${shownName(entry.header.name)} contradict each other`);
    }
    await entries.write(entry);
  }
}

class EntryWriter {
  /** Files and folders that there are. */
  count = 0;
  /** The folder that is known to be there: mostly the next entry lies in it too. */
  private present = '';

  constructor(
    private readonly top: string,
    private readonly most: number,
  ) {}

  async write(entry: Entry): Promise<void> {
    const { name, type, size } = entry.header;
    const parts = partsOf(name);
    const isFolder = type === 'directory';
    if (!isFolder && type !== 'file') {
      throw archiveFault(
        `${shownName(name)} is ${kindOf(type)}, and only files and folders may be`,
      );
    }
    if (hasHoles(entry)) throw archiveFault(`${shownName(name)} is a sparse file`);
    if (isFolder && size !== 0) throw archiveFault(`the folder ${shownName(name)} has a size`);
    if (isFolder) {
      await this.ensureFolder(parts, name);
      entry.resume();
      return;
    }
    const own = parts.pop();
    if (own === undefined) throw archiveFault('its top is a file');
    await this.ensureFolder(parts, name);
    await this.writeFile(join(this.top, ...parts, own), entry);
  }

  private async ensureFolder(parts: readonly string[], name: string): Promise<void> {
    const place = parts.join('/');
    if (place === this.present) return;
    for (let depth = 1; depth <= parts.length; depth += 1) {
      const path = join(this.top, ...parts.slice(0, depth));
      try {
        await mkdir(path, FOLDER_MODE);
        this.add();
      } catch (error) {
        const code = errnoOf(error);
        if (code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
        if (code === 'ENOTDIR' || !(await lstat(path)).isDirectory()) {
          throw archiveFault(`there is a file where ${shownName(name)} needs a folder`);
        }
      }
    }
    this.present = place;
  }

  private async writeFile(path: string, entry: Entry): Promise<void> {
    const { name, mode = 0 } = entry.header;
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    let file: FileHandle;
    try {
      file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      throw archiveFault(`${shownName(name)} is in it twice`);
    }
    try {
      this.add();
      await writeFile(file, entry);
      await file.chmod((mode & 0o111) === 0 ? FILE_MODE : EXECUTABLE_MODE);
    } finally {
      await file.close();
    }
  }

  private add(): void {
    this.count += 1;
    if (this.count > this.most) throw archiveTooLarge(`it has over ${this.most} entries`);
  }
}

const KINDS: Readonly<Record<string, string>> = {
  link: 'a hard link',
  symlink: 'a symbolic link',
  'character-device': 'a device',
  'block-device': 'a device',
  fifo: 'a FIFO',
};

function kindOf(type: string | null | undefined): string {
  return KINDS[type ?? ''] ?? 'of a kind of its own';
}

/** Whether its content in the archive is not the content of the file. */
function hasHoles({ header }: Entry): boolean {
  const { pax } = header as { pax?: Record<string, string> | null };
  return Object.keys(pax ?? {}).some((name) => name.startsWith('GNU.sparse.'));
}

/** What the readers of the compression and of the archive say is the client's fault. */
function explained(error: unknown): unknown {
  if (error instanceof RunnerError) return error;
  const code = errnoOf(error);
  if (code?.startsWith('Z_')) return archiveFault('it is damaged, or no whole gzip', error);
  // What the system says has a code; what the reader of the archive says has none.
  return code === undefined ? archiveFault('it is damaged, or no tar archive', error) : error;
}

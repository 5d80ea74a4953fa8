import { createHash, type Hash } from 'node:crypto';
import { constants, lstatSync, readdirSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { monotonicSeconds } from '../common/clock.js';

const CHUNK_BYTES = 256 * 1024;
/** Files that are read at a time. */
const AT_A_TIME = 8;
/** How long the event loop is held at a time, in seconds. */
const TURN_SECONDS = 0.001;

/** What a package consists of. */
export interface PackageContent {
  /** `sha256:` and 64 hex digits. */
  hash: string;
  /** Files and folders, the package's own folder apart. */
  entries: number;
  /** Of all files together. */
  bytes: number;
}

/** A folder holds what no uploaded package has, or more than it may. */
export class UnexpectedContentError extends Error {}

/**
 * Reads a package whole. The hash depends on names, kinds, executable bits and contents alone: it is the
 * SHA-256 over one record an entry, each ended by a NUL, a folder before what is in it and names in the
 * order of their bytes. A record is `d PATH` for a folder, `f SHA256 PATH` for a file and `x SHA256 PATH`
 * for one that can be executed.
 * @throws {UnexpectedContentError}
 */
export async function contentOf(
  folder: string,
  most: { entries: number; bytes: number } = { entries: Infinity, bytes: Infinity },
): Promise<PackageContent> {
  const reading = new ContentReading(folder, most);
  await reading.readFolder('');
  return reading.content;
}

class ContentReading {
  private readonly hash = createHash('sha256');
  private entries = 0;
  private bytes = 0;

  constructor(
    private readonly top: string,
    private readonly most: { entries: number; bytes: number },
  ) {}

  get content(): PackageContent {
    const { entries, bytes } = this;
    return { hash: `sha256:${this.hash.digest('hex')}`, entries, bytes };
  }

  /** @param place its way from the top, with a slash behind it; empty for the top itself */
  async readFolder(place: string): Promise<void> {
    const found = await readdir(join(this.top, place), { withFileTypes: true });
    this.entries += found.length;
    if (this.entries > this.most.entries) throw new UnexpectedContentError('too many entries');
    found.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
    for (let next = 0; next < found.length; next += AT_A_TIME) {
      const some = found.slice(next, next + AT_A_TIME);
      const records = await Promise.all(
        some.map(async (it) => (it.isDirectory() ? 'd ' : this.recordOf(place + it.name))),
      );
      for (const [index, entry] of some.entries()) {
        this.hash.update(`${records[index]}${place}${entry.name}\0`);
        if (entry.isDirectory()) await this.readFolder(`${place}${entry.name}/`);
      }
    }
  }

  private async recordOf(place: string): Promise<string> {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const file = await open(join(this.top, place), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw new UnexpectedContentError('neither a file nor a folder');
      const hash = createHash('sha256');
      const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(stats.size, CHUNK_BYTES)));
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
        if (bytesRead === 0) break;
        this.bytes += bytesRead;
        if (this.bytes > this.most.bytes) throw new UnexpectedContentError('too many bytes');
        hash.update(buffer.subarray(0, bytesRead));
      }
      return `${(stats.mode & 0o111) === 0 ? 'f' : 'x'} ${hash.digest('hex')} `;
    } finally {
      await file.close();
    }
  }
}

/** By what is known again, without reading a file, that a package is what it was. */
export interface Fingerprint {
  /** Over the kind, mode, size, number and times of every entry. */
  print: string;
  /** The latest change of an entry, in milliseconds since 1970. */
  newestMs: number;
}

/**
 * Looks at every entry of a package. It asks the system in this thread, for about a millisecond at a time:
 * a turn of the thread pool for each entry would take several times as long.
 * @returns null if there are more than `most` entries, or some cannot be looked at
 */
export async function fingerprintOf(folder: string, most: number): Promise<Fingerprint | null> {
  const hash = createHash('sha256');
  const folders = [folder];
  let newestMs = noted(hash, folder, '.').ctimeMs;
  let entries = 0;
  let turnEnds = monotonicSeconds() + TURN_SECONDS;
  for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
    const names = readdirSync(path).sort();
    entries += names.length;
    if (entries > most) return null;
    hash.update(`${path}\0`);
    for (const name of names) {
      const stats = noted(hash, `${path}/${name}`, name);
      newestMs = Math.max(newestMs, stats.ctimeMs);
      if (stats.isDirectory()) folders.push(`${path}/${name}`);
      if (monotonicSeconds() < turnEnds) continue;
      await nextTurn();
      turnEnds = monotonicSeconds() + TURN_SECONDS;
    }
  }
  return { print: hash.digest('base64'), newestMs };
}

function noted(hash: Hash, path: string, name: string) {
  const stats = lstatSync(path);
  const { dev, ino, mode, size, mtimeMs, ctimeMs } = stats;
  hash.update(`${name}\0${dev}:${ino}:${mode}:${size}:${mtimeMs}:${ctimeMs}\n`);
  return stats;
}

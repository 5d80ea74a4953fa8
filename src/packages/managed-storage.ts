import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, realpath, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { lockFile } from '../common/file-lock.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { makeFolder } from '../common/make-folder.js';
import { removeTree } from '../common/remove-tree.js';
import { syncFolder } from '../common/sync-folder.js';
import { RunnerConfig } from '../config/runner-config.js';
import { isInstalledPath } from './installed-path.js';
import { contentOf, type PackageContent } from './package-content.js';
import { isInside, placeOf, targetOf } from './package-places.js';
import { PackageRegistry } from './package-registry.js';
import { PackageUse } from './package-use.js';
import { closeFolders, syncDisk } from './seal.js';

/** The folder of an upload that is under way, and the lock beside it that its server holds. */
const INCOMING = /^\.incoming-[0-9a-f]{16}$/;
const INCOMING_LOCK = /^(\.incoming-[0-9a-f]{16})\.lock$/;
/** The folder of a package that was uploaded. */
const UPLOADED = /\.upload-[0-9a-f]{16}$/;
/** Characters of the id that its name begins with. */
const SHOWN_ID = 40;

/** An upload that has not become a package yet. */
export interface IncomingPackage {
  /** An empty folder. */
  readonly folder: string;
  /** Takes the permission to write away, and makes sure that all of it is on the disk. */
  seal(): Promise<PackageContent>;
  /** Gives it its place under which it can be registered. Call it under the lock of the registry. */
  keep(id: string): Promise<string>;
  /** Ends it: what was not kept goes. @param isKept it is in the registry now */
  end(isKept: boolean): Promise<void>;
}

/** The folder `packages/` of the scientific packages, where alone the server makes and removes files. */
@Injectable()
export class ManagedStorage {
  constructor(
    private readonly config: RunnerConfig,
    private readonly registry: PackageRegistry,
    private readonly use: PackageUse,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Begins an upload in a folder of its own. */
  async receive(): Promise<IncomingPackage> {
    await makeFolder(this.root);
    const root = await realpath(this.root);
    const key = randomBytes(8).toString('hex');
    const name = `.incoming-${key}`;
    // By the lock other servers know that it is no rest of a crash.
    const lock = await lockFile(join(root, `${name}.lock`), 0);
    let place = join(root, name);
    const unlock = async () => {
      await removeTree(root, `${name}.lock`);
      await lock?.release();
    };
    try {
      await mkdir(place, { mode: 0o700 });
    } catch (error) {
      await unlock();
      throw error;
    }
    return {
      folder: place,
      seal: async () => {
        await closeFolders(place);
        const content = await contentOf(place);
        await syncDisk(root);
        return content;
      },
      keep: async (id) => {
        const shown = [...id].slice(0, SHOWN_ID).join('');
        const kept = join(root, `${shown}.upload-${key}`);
        await rename(place, kept);
        place = kept;
        await syncFolder(root);
        return kept;
      },
      end: async (isKept) => {
        if (!isKept) await removeTree(root, basename(place));
        await unlock();
      },
    };
  }

  /**
   * Removes the files of a package that is in the registry no more.
   * @param others the folders of the packages that still are
   * @returns why they stay, or null if they are gone
   */
  async remove(path: unknown, others: readonly unknown[]): Promise<string | null> {
    const place = await placeOf(path);
    const managed = await realpath(this.root).catch(() => null);
    if (place === null) return 'There is no folder that could be removed.';
    if (managed === null || !isInside(place, managed)) {
      return 'Its folder lies outside the managed storage and belongs to somebody else.';
    }
    for (const other of others) {
      for (const taken of [await placeOf(other), await targetOf(other)]) {
        if (taken === null) continue;
        if (taken === place || isInside(taken, place) || isInside(place, taken)) {
          return 'Its folder also holds files of another package.';
        }
      }
    }
    if (UPLOADED.test(place) && this.use.isUsed(place)) {
      this.use.whenUnused(place, () => void this.removeUnused(place));
      return 'A run that is under way uses its files; they are removed when it has ended.';
    }
    const isLink = (await lstat(place)).isSymbolicLink();
    try {
      await removeTree(dirname(place), basename(place));
    } catch {
      return 'Not all of its files could be removed; remove the rest by hand.';
    }
    return isLink ? 'Its folder was a link, which is removed; what it pointed to stays.' : null;
  }

  /** Removes the files of an uploaded package whose place another one has taken. */
  async removeReplaced(path: unknown, others: readonly unknown[]): Promise<void> {
    if (!isInstalledPath(path) || !UPLOADED.test(path)) return;
    const reason = await this.remove(path, others);
    if (reason !== null) this.logger.info({ reason }, 'files of a replaced package stay');
  }

  /**
   * Removes what servers that were killed have left: uploads that had not become packages, and folders of
   * packages that were replaced or deleted while a run used them.
   */
  async removeRests(): Promise<void> {
    const root = await realpath(this.root).catch(() => null);
    if (root === null) return;
    const names = await readdir(root);
    for (const name of names) {
      const incoming = INCOMING_LOCK.exec(name)?.[1];
      if (incoming !== undefined) await this.removeAbandoned(root, incoming);
      else if (INCOMING.test(name) && !names.includes(`${name}.lock`)) {
        await removeTree(root, name);
      }
    }
    const uploaded = names.filter((name) => UPLOADED.test(name));
    if (uploaded.length > 0) await this.removeUnregistered(root, uploaded);
  }

  private get root(): string {
    return join(this.config.scientificPackagesRoot, 'packages');
  }

  private async removeAbandoned(root: string, incoming: string): Promise<void> {
    const lock = await lockFile(join(root, `${incoming}.lock`), 0);
    // Another server is receiving it.
    if (lock === null) return;
    await removeTree(root, incoming);
    await removeTree(root, `${incoming}.lock`);
    await lock.release();
  }

  /** Under the lock, since a package gets its folder before it is in the registry. */
  private async removeUnregistered(root: string, names: readonly string[]): Promise<void> {
    const rests = await this.registry.mutate(async ({ packages }) => {
      const used: string[] = [];
      for (const { installed_path: path } of packages.values()) {
        const target = await targetOf(path);
        if (target !== null) used.push(target);
      }
      const isRest = (place: string) =>
        !used.some((it) => it === place || isInside(it, place)) && !this.use.isUsed(place);
      return names.filter((name) => isRest(join(root, name)));
    });
    for (const name of rests) await removeTree(root, name);
  }

  private async removeUnused(place: string): Promise<void> {
    try {
      await removeTree(dirname(place), basename(place));
    } catch (err) {
      this.logger.warn({ err }, 'the files of a package could not be removed');
    }
  }
}

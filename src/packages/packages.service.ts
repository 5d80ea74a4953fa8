import { lstat, realpath } from 'node:fs/promises';
import { dirname, basename, join, resolve, sep } from 'node:path';
import { Injectable } from '@nestjs/common';
import { nowUtc } from '../common/clock.js';
import { isFolder } from '../common/directory.js';
import { removeTree } from '../common/remove-tree.js';
import { RunnerError } from '../common/errors.js';
import { RunnerConfig } from '../config/runner-config.js';
import { isInstalledPath } from './installed-path.js';
import { entryNameFault, nameList } from './overlay-names.js';
import { normalizePackageId, shownPackageId } from './package-id.js';
import { PackageRegistry } from './package-registry.js';
import type { PackageMeta, Registry } from './package-types.js';

/** What becomes of a package's files when it is deleted. */
export interface PackageDeletion {
  id: string;
  filesRemoved: boolean;
  /** Why its files stay; null if they were removed. */
  reason: string | null;
  activePackageId: string | null;
}

/** The administrator's operations on scientific packages (contract, section 4). */
@Injectable()
export class PackagesService {
  constructor(
    private readonly config: RunnerConfig,
    private readonly registry: PackageRegistry,
  ) {}

  /** All packages, and which one is active; none if the registry cannot be read. */
  list(): Promise<Registry> {
    return this.registry.read();
  }

  /**
   * Registers an existing folder; the first package becomes the active one.
   * @throws {RunnerError} `package_invalid` if the path is no folder
   */
  async register(given: {
    id: string;
    path: string;
    title?: string;
    source?: string;
  }): Promise<PackageMeta> {
    const id = normalizePackageId(given.id);
    const path = resolve(given.path);
    if (!(await isFolder(path))) {
      throw new RunnerError(
        'package_invalid',
        'The path of the package is not an existing folder.',
        {
          requested: true,
        },
      );
    }
    return this.registry.mutate((registry) => {
      const known = registry.packages.get(id);
      const meta: PackageMeta = {
        ...known,
        id,
        title: given.title ?? known?.title ?? id,
        installed_path: path,
        source: given.source ?? `local-path:${path}`,
        status: 'installed',
        installed_at: known?.installed_at ?? nowUtc(),
        updated_at: nowUtc(),
      };
      registry.packages.set(id, meta);
      if (registry.packages.size === 1) registry.activePackageId = id;
      return meta;
    });
  }

  /** @throws {RunnerError} `package_not_found` */
  async activate(rawId: string): Promise<void> {
    await this.registry.mutate((registry) => {
      registry.activePackageId = required(registry, rawId).id;
    });
  }

  /**
   * Takes a package out of the registry, and removes its files where they lie in managed storage. The
   * registry goes first: a crash in between leaves files without an entry, never the other way round.
   * @throws {RunnerError} `package_not_found`
   */
  async delete(rawId: string): Promise<PackageDeletion> {
    const { meta, activePackageId, others } = await this.registry.mutate((registry) => {
      const found = required(registry, rawId);
      registry.packages.delete(found.id);
      if (registry.activePackageId === found.id) {
        registry.activePackageId = [...registry.packages.keys()].sort()[0] ?? null;
      }
      const others = [...registry.packages.values()].map((it) => it.installed_path);
      return { meta: found, activePackageId: registry.activePackageId, others };
    });
    const reason = await this.removeFiles(meta.installed_path, others);
    return { id: meta.id, filesRemoved: reason === null, reason, activePackageId };
  }

  /**
   * Sets the top-level names that go into a session; none means all.
   * @throws {RunnerError} `package_not_found`, `package_invalid`
   */
  async setOverlayEntries(rawId: string, entries: string[]): Promise<void> {
    const names = nameList(entries);
    for (const name of names) {
      const fault = entryNameFault(name);
      if (fault !== null) {
        throw new RunnerError('package_invalid', `The overlay entry "${name}" ${fault}.`, {
          requested: true,
        });
      }
    }
    await this.registry.mutate((registry) => {
      const meta = required(registry, rawId);
      if (names.length > 0) meta.overlay_entries = names;
      else delete meta.overlay_entries;
      meta.updated_at = nowUtc();
    });
  }

  /**
   * Sets the packages that are linked beside this one; the package itself is left out.
   * @throws {RunnerError} `package_not_found` if one of them does not exist
   */
  async setDependencies(rawId: string, dependencyIds: string[]): Promise<void> {
    await this.registry.mutate((registry) => {
      const meta = required(registry, rawId);
      const ids = dependencyIds.map((id) => required(registry, id).id);
      meta.dependency_package_ids = [...new Set(ids)].filter((id) => id !== meta.id);
      meta.updated_at = nowUtc();
    });
  }

  /** @returns why the files stay, or null if they are gone */
  private async removeFiles(path: unknown, others: readonly unknown[]): Promise<string | null> {
    const place = await placeOf(path);
    const storage = join(this.config.scientificPackagesRoot, 'packages');
    const managed = await realpath(storage).catch(() => null);
    if (place === null || managed === null) return 'There is no folder that could be removed.';
    if (!isInside(place, managed)) {
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
    const isLink = (await lstat(place)).isSymbolicLink();
    try {
      await removeTree(dirname(place), basename(place));
    } catch {
      return 'Not all of its files could be removed; remove the rest by hand.';
    }
    return isLink ? 'Its folder was a link, which is removed; what it pointed to stays.' : null;
  }
}

/**
 * Where an entry really stands, or null if nothing stands there. The folders above it are resolved,
 * not the entry: a link is removed itself, never its target.
 */
async function placeOf(path: unknown): Promise<string | null> {
  if (!isInstalledPath(path)) return null;
  try {
    const place = join(await realpath(dirname(path)), basename(path));
    await lstat(place);
    return place;
  } catch {
    return null;
  }
}

/** The folder that a path leads to in the end, or null. */
async function targetOf(path: unknown): Promise<string | null> {
  if (!isInstalledPath(path)) return null;
  return realpath(path).catch(() => null);
}

function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder + sep);
}

function required(registry: Registry, rawId: string): PackageMeta {
  const meta = registry.packages.get(normalizePackageId(rawId));
  if (meta === undefined) {
    const detail = `Package not found: ${shownPackageId(rawId)}`;
    throw new RunnerError('package_not_found', detail, { requested: true });
  }
  return meta;
}

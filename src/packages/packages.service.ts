import { resolve } from 'node:path';
import { Injectable } from '@nestjs/common';
import { nowUtc } from '../common/clock.js';
import { isFolder } from '../common/directory.js';
import { type ErrorFacts, RunnerError } from '../common/errors.js';
import { ManagedStorage } from './managed-storage.js';
import { entryNameFault, nameList } from './overlay-names.js';
import { normalizePackageId, shownPackageId, tryNormalizePackageId } from './package-id.js';
import { PackagePaths } from './package-paths.js';
import { PackageRegistry } from './package-registry.js';
import { forgetUpload, putPackage, type StoredPackage } from './put-package.js';
import type { PackageMeta, Registry } from './package-types.js';

/** What becomes of a package's files when it is deleted. */
export interface PackageDeletion {
  id: string;
  filesRemoved: boolean;
  /** Why its files stay; null if they were removed. */
  reason: string | null;
  activePackageId: string | null;
}

/** What a package is registered with. */
export interface GivenPackage {
  id: string;
  path: string;
  title?: string;
  source?: string;
}

/** A package, and which one is the active one. */
export interface FoundPackage {
  meta: PackageMeta;
  activePackageId: string | null;
}

/** The administrator's operations on scientific packages (contract, section 4). */
@Injectable()
export class PackagesService {
  constructor(
    private readonly registry: PackageRegistry,
    private readonly storage: ManagedStorage,
    private readonly paths: PackagePaths,
  ) {}

  /** All packages, and which one is active; none if the registry cannot be read. */
  list(): Promise<Registry> {
    return this.registry.read();
  }

  /**
   * One package, and whether it is the active one.
   * @throws {RunnerError} `package_not_found`
   */
  async get(rawId: string): Promise<FoundPackage> {
    const registry = await this.registry.read();
    return { meta: required(registry, rawId), activePackageId: registry.activePackageId };
  }

  /**
   * Registers an existing folder; the first package becomes the active one.
   * @throws {RunnerError} `package_invalid` if the path is no folder
   */
  async register(given: GivenPackage): Promise<PackageMeta> {
    const path = resolve(given.path);
    if (!(await isFolder(path))) {
      throw new RunnerError(
        'package_invalid',
        'The path of the package is not an existing folder.',
        { requested: true },
      );
    }
    return (await this.store(given, () => Promise.resolve(path))).meta;
  }

  /**
   * Registers a folder for somebody who may not name every one of this server: by its real path, which is
   * looked at again when it is stored.
   * @throws {RunnerError} `package_invalid`, `package_path_forbidden`
   */
  async registerAllowed(given: GivenPackage): Promise<StoredPackage> {
    // Before the lock is taken, since most that is wrong is wrong already now.
    await this.paths.requireAllowed(given.path);
    return this.store(given, () => this.paths.requireAllowed(given.path));
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
    const reason = await this.storage.remove(meta.installed_path, others);
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
      const ids = dependencyIds.map((id) => named(registry, id).id);
      meta.dependency_package_ids = [...new Set(ids)].filter((id) => id !== meta.id);
      meta.updated_at = nowUtc();
    });
  }

  private async store(given: GivenPackage, pathOf: () => Promise<string>): Promise<StoredPackage> {
    const id = normalizePackageId(given.id);
    const { stored, replacedPath, paths } = await this.registry.mutate(async (registry) => {
      const path = await pathOf();
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
      forgetUpload(meta);
      return putPackage(registry, meta);
    });
    await this.storage.removeReplaced(replacedPath, paths);
    return stored;
  }
}

function named(registry: Registry, rawId: string): PackageMeta {
  const meta = registry.packages.get(normalizePackageId(rawId));
  if (meta === undefined) throw notFound(rawId, { requested: true });
  return meta;
}

/** The package that an operation is on. */
function required(registry: Registry, rawId: string): PackageMeta {
  const meta = registry.packages.get(tryNormalizePackageId(rawId) ?? '');
  if (meta === undefined) throw notFound(rawId, { requested: true, addressed: true });
  return meta;
}

function notFound(rawId: string, facts: ErrorFacts): RunnerError {
  return new RunnerError('package_not_found', `Package not found: ${shownPackageId(rawId)}`, facts);
}

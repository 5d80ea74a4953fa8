import { Injectable } from '@nestjs/common';
import { SharedWork } from '../common/abort.js';
import { nowUtc } from '../common/clock.js';
import { isFolder } from '../common/directory.js';
import { errnoOf, RunnerError } from '../common/errors.js';
import { RunnerConfig } from '../config/runner-config.js';
import { isInstalledPath } from './installed-path.js';
import { nameList } from './overlay-names.js';
import { shownPackageId, tryNormalizePackageId } from './package-id.js';
import { PackageRegistry } from './package-registry.js';
import type { InstalledPackage, PackageMeta, Registry } from './package-types.js';
import { PackageUse } from './package-use.js';

/** What the system answers where the registry's folder, or a file in it, cannot be made or written. */
const NOT_WRITABLE = new Set([
  ...['EACCES', 'EPERM', 'EROFS'],
  ...['EEXIST', 'EISDIR', 'ENOENT', 'ENOTDIR', 'ENXIO'],
]);

/** What is known of the package that a run is to get. */
export interface WantedPackage {
  requestedId: string | null;
  pinnedId: string | null;
  /** The session that is to be linked to it: its files stay until the run has ended. */
  sessionId?: string;
}

/** Finds the package that a run gets (contract, section 4). */
@Injectable()
export class PackageResolver {
  // Runs that start meanwhile share one attempt: a lock that somebody holds is waited for only once.
  private readonly legacyRegistration = new SharedWork((signal) => this.registerLegacyOnce(signal));

  constructor(
    private readonly config: RunnerConfig,
    private readonly registry: PackageRegistry,
    private readonly use: PackageUse,
  ) {}

  /**
   * Makes sure, before a run waits, that the package it asks for is there.
   * @throws {RunnerError} `package_not_found`, `package_invalid`
   * @throws the signal's reason
   */
  async requireRequested(rawId: string, signal?: AbortSignal): Promise<void> {
    await this.registerLegacy(signal);
    await requested(await this.registry.read(), rawId);
  }

  /**
   * The requested package, else the one that the session is pinned to, else the administrator's, else
   * the registry's active one, else none. Only the first may fail; the others are passed over where
   * they are not there.
   * @throws {RunnerError} `package_not_found`, `package_invalid`
   */
  async choose(wanted: WantedPackage): Promise<InstalledPackage | null> {
    for (;;) {
      const pkg = await this.pick(wanted);
      if (pkg === null || wanted.sessionId === undefined) return pkg;
      // Whoever deletes it writes the registry first and then looks who uses it: one of both sees the other.
      this.use.hold(wanted.sessionId, pkg.path);
      if (find(await this.registry.read(), pkg.id)?.path === pkg.path) return pkg;
    }
  }

  /**
   * The packages that another one depends on, by id; those that are not there are left out.
   * @param sessionId the session that is to be linked to them
   */
  async dependenciesOf(
    { dependencyIds }: InstalledPackage,
    sessionId?: string,
  ): Promise<Map<string, InstalledPackage>> {
    const present = await this.present(dependencyIds);
    if (sessionId === undefined || present.size === 0) return present;
    for (const { path } of present.values()) this.use.hold(sessionId, path);
    const registryNow = await this.registry.read();
    for (const [id, { path }] of present) {
      if (find(registryNow, id)?.path !== path) present.delete(id);
    }
    return present;
  }

  /** Those of some packages, by id, that are registered and have their folder. */
  async present(ids: readonly string[]): Promise<Map<string, InstalledPackage>> {
    const present = new Map<string, InstalledPackage>();
    if (ids.length === 0) return present;
    const registry = await this.registry.read();
    for (const id of ids) {
      const found = find(registry, id);
      if (found !== null && (await isFolder(found.path))) present.set(id, found);
    }
    return present;
  }

  /** The run of a session has ended: the files of its packages need not be kept for it. */
  release(sessionId: string): void {
    this.use.release(sessionId);
  }

  /**
   * Registers the MaxwellLink folder of older installations if it exists (contract, section 2). The
   * registry is written only if something about it has changed.
   * @throws the signal's reason
   */
  registerLegacy(signal?: AbortSignal): Promise<void> {
    return this.legacyRegistration.join(signal);
  }

  private async pick({ requestedId, pinnedId }: WantedPackage): Promise<InstalledPackage | null> {
    const registry = await this.registry.read();
    if (requestedId !== null) return requested(registry, requestedId);
    for (const rawId of [pinnedId, this.config.activePackageId, registry.activePackageId]) {
      const found = rawId === null ? null : find(registry, rawId);
      if (found !== null && (await isFolder(found.path))) return found;
    }
    return null;
  }

  private async registerLegacyOnce(signal: AbortSignal): Promise<void> {
    const { maxwellLinkRoot: path, legacyMaxwellLinkPackageId: rawId } = this.config;
    const id = tryNormalizePackageId(rawId);
    if (id === null || !(await isFolder(path))) return;
    const facts = {
      id,
      title: 'MaxwellLink (local)',
      installed_path: path,
      source: `local-path:${path}`,
      legacy: true,
    };
    const upToDate = (meta: PackageMeta | undefined) =>
      meta !== undefined && Object.entries(facts).every(([name, value]) => meta[name] === value);
    if (upToDate((await this.registry.read()).packages.get(id))) return;
    try {
      await this.registry.mutate(({ packages }) => {
        const known = packages.get(id);
        if (upToDate(known)) return;
        const installedAt = known?.installed_at ?? nowUtc();
        packages.set(id, {
          status: 'installed',
          ...known,
          ...facts,
          installed_at: installedAt,
          updated_at: nowUtc(),
        });
      }, signal);
    } catch (error) {
      // A registry that is broken, or that this server may not write, must not stop runs that need
      // no package. A run that asks for one is told that it is not there.
      const code = errnoOf(error) ?? '';
      if (!(error instanceof RunnerError) && !NOT_WRITABLE.has(code)) throw error;
    }
  }
}

async function requested(registry: Registry, rawId: string): Promise<InstalledPackage> {
  const id = tryNormalizePackageId(rawId);
  const meta = id === null ? undefined : registry.packages.get(id);
  if (meta === undefined) {
    const detail = `Requested package not found: ${shownPackageId(rawId)}`;
    throw new RunnerError('package_not_found', detail, { requested: true });
  }
  const found = installed(meta);
  if (found === null || !(await isFolder(found.path))) {
    throw new RunnerError(
      'package_invalid',
      `The package "${meta.id}" is registered, but its folder is missing; install it again.`,
      { requested: true },
    );
  }
  return found;
}

function find(registry: Registry, rawId: string): InstalledPackage | null {
  const meta = registry.packages.get(tryNormalizePackageId(rawId) ?? '');
  return meta === undefined ? null : installed(meta);
}

function installed(meta: PackageMeta): InstalledPackage | null {
  const { id, installed_path: path } = meta;
  if (!isInstalledPath(path)) return null;
  const entries = nameList(meta.overlay_entries);
  const dependencyIds = nameList(meta.dependency_package_ids)
    .map(tryNormalizePackageId)
    .filter((dependency) => dependency !== null && dependency !== id);
  return {
    id,
    path,
    overlayEntries: entries.length > 0 ? entries : null,
    dependencyIds: [...new Set(dependencyIds as string[])],
    uploaded: uploadedOf(meta),
  };
}

function uploadedOf({ content_hash: hash, entry_count, size_bytes }: PackageMeta) {
  if (hash === undefined || hash === null) return null;
  const count = (value: unknown) => (typeof value === 'number' ? value : Infinity);
  // Whatever else stands there is no hash of anything, and so fits nothing.
  const known = typeof hash === 'string' ? hash : '';
  return { hash: known, entries: count(entry_count), bytes: count(size_bytes) };
}

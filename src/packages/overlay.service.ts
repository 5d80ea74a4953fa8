import { Injectable } from '@nestjs/common';
import { Directory } from '../common/directory.js';
import { UnsafePathError } from '../common/regular-file.js';
import { toRunnerError } from '../common/errors.js';
import { wantedEntries } from './overlay-entries.js';
import {
  type NamedPlaced,
  OverlayFolder,
  type OverlayFolderState,
  type Wanted,
} from './overlay-folder.js';
import {
  type ManifestContent,
  readManifest,
  saysTheSame,
  writeManifest,
} from './overlay-manifest.js';
import { DEPENDENCIES_FOLDER } from './overlay-names.js';
import { OverlayPlacement } from './overlay-placement.js';
import { PackageIntegrity } from './package-integrity.js';
import { PackageResolver } from './package-resolver.js';
import type { InstalledPackage, LinkedDependency, OverlaySummary } from './package-types.js';

export interface OverlayRequest {
  /** The session's `repo/` and the folder around it; both stay open. */
  repo: Directory;
  workspace: Directory;
  pkg: InstalledPackage;
  /** `repo/` was made by this very run: what the template has put there may be replaced. */
  freshRepo: boolean;
  /** Names in `repo/` that are kept free for the session besides those that always are. */
  reserved?: ReadonlySet<string>;
  /** The session, by whose name the files of its packages are kept until its run has ended. */
  sessionId?: string;
  /** Looked at between two steps. */
  signal?: AbortSignal;
}

/** Links a package and its dependencies into a session (contract, section 4). */
@Injectable()
export class OverlayService {
  constructor(
    private readonly resolver: PackageResolver,
    private readonly placement: OverlayPlacement,
    private readonly integrity: PackageIntegrity,
  ) {}

  /** The package that a session is bound to by an earlier run; null if there was none. */
  async pinnedPackageId(workspace: Directory): Promise<string | null> {
    return (await readManifest(workspace)).packageId;
  }

  /**
   * Makes the session hold the links of this package and no others of ours. The manifest names what
   * will be put in place before it is, so that a crash at any point leaves nothing that the next run
   * would not know as ours.
   * @throws {RunnerError} `overlay_refused`, `package_modified`, `disk_full`, `too_many_files`
   * @throws {UnsafePathError} if a place of the session is not what it must be
   * @throws the signal's reason
   */
  async apply(request: OverlayRequest): Promise<OverlaySummary> {
    try {
      return await this.applyUntil(request);
    } catch (error) {
      request.signal?.throwIfAborted();
      // A place of the session that is not what it must be: the workspace says which one.
      if (error instanceof UnsafePathError) throw error;
      throw toRunnerError(
        error,
        'overlay_refused',
        `The package "${request.pkg.id}" could not be linked into the session; install it again or ask the administrator.`,
      );
    }
  }

  private async applyUntil(request: OverlayRequest): Promise<OverlaySummary> {
    const { repo, pkg, reserved, sessionId, signal } = request;
    await this.integrity.require(pkg, signal);
    const entries = await wantedEntries(pkg, reserved);
    const dependencies = await this.wantedDependencies(pkg, sessionId, signal);
    const external = await openDependencies(repo, dependencies.wanted.length > 0);
    try {
      return await this.settle(request, entries, dependencies, external);
    } finally {
      if (typeof external === 'object') await external.close();
      // Where it holds nothing it goes; where it holds anything this does nothing.
      await repo.removeEmpty(DEPENDENCIES_FOLDER);
    }
  }

  private async settle(
    { repo, workspace, pkg, freshRepo, signal }: OverlayRequest,
    entries: { wanted: Wanted[]; missing: string[] },
    dependencies: { wanted: Wanted[]; missing: string[] },
    external: OverlayFolderState['folder'],
  ): Promise<OverlaySummary> {
    const before = await readManifest(workspace);
    const folderOf = (state: OverlayFolderState) =>
      new OverlayFolder(state, this.placement, signal);
    const own = folderOf({
      folder: repo,
      recorded: before.entries,
      refused: before.refusedEntries,
      wanted: entries.wanted,
    });
    const others = folderOf({
      folder: external,
      recorded: before.dependencies.map(({ package_id: name, ...placed }) => ({ name, ...placed })),
      refused: before.refusedDependencies,
      wanted: dependencies.wanted,
    });
    const manifest = (): ManifestContent => ({
      version: 1,
      package_id: pkg.id,
      package_path: pkg.path,
      requested_entries: pkg.overlayEntries ?? [],
      missing_requested_entries: entries.missing,
      linked_entries: own.placed,
      collisions: own.collisions,
      configured_dependency_package_ids: pkg.dependencyIds,
      linked_dependency_packages: others.placed.map(dependencyOf),
      missing_dependency_packages: dependencies.missing,
      dependency_collisions: others.collisions,
    });

    await own.removeUnwanted();
    await others.removeUnwanted();
    const ownWork = await own.inspect(freshRepo);
    const otherWork = await others.inspect(freshRepo);
    // What went is still in the old manifest, what is to come is in the next one: at every moment the
    // manifest on the disk names all that is ours.
    if (ownWork || otherWork) {
      const save = () => writeManifest(workspace, manifest(), signal);
      await save();
      await own.fill(save);
      await others.fill(save);
      await save();
    } else if (!saysTheSame(before, manifest())) {
      await writeManifest(workspace, manifest(), signal);
    }
    return summaryOf(manifest());
  }

  private async wantedDependencies(
    pkg: InstalledPackage,
    sessionId?: string,
    signal?: AbortSignal,
  ): Promise<{ wanted: Wanted[]; missing: string[] }> {
    const wanted: Wanted[] = [];
    const missing: string[] = [];
    const present = await this.resolver.dependenciesOf(pkg, sessionId);
    for (const id of pkg.dependencyIds) {
      const dependency = present.get(id);
      if (dependency === undefined) {
        missing.push(id);
        continue;
      }
      await this.integrity.require(dependency, signal);
      wanted.push({ name: id, source: dependency.path });
    }
    return { wanted, missing };
  }
}

/** The folder of the dependencies, made if it is needed. */
async function openDependencies(
  repo: Directory,
  needed: boolean,
): Promise<OverlayFolderState['folder']> {
  if (!needed && (await repo.lstat(DEPENDENCIES_FOLDER)) === null) return 'absent';
  try {
    return await repo.ensureSub(DEPENDENCIES_FOLDER);
  } catch (error) {
    if (error instanceof UnsafePathError) return 'blocked';
    throw error;
  }
}

function dependencyOf({ name, ...placed }: NamedPlaced): LinkedDependency {
  return { package_id: name, mode: placed.mode, source: placed.source, identity: placed.identity };
}

function summaryOf(manifest: ManifestContent): OverlaySummary {
  return {
    package_id: manifest.package_id,
    package_path: manifest.package_path,
    linked_count: manifest.linked_entries.length,
    collision_count: manifest.collisions.length,
    collisions: manifest.collisions,
    requested_entries: manifest.requested_entries,
    missing_requested_entries: manifest.missing_requested_entries,
    dependency_package_ids: manifest.configured_dependency_package_ids,
    linked_dependency_count: manifest.linked_dependency_packages.length,
    linked_dependency_packages: manifest.linked_dependency_packages,
    missing_dependency_packages: manifest.missing_dependency_packages,
    dependency_collision_count: manifest.dependency_collisions.length,
    dependency_collisions: manifest.dependency_collisions,
  };
}

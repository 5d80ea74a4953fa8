import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Directory } from '../../src/common/directory.js';
import { createLogger } from '../../src/common/logger.js';
import type { PackageSettings } from '../../src/config/package-settings.js';
import { RunnerConfig } from '../../src/config/runner-config.js';
import { ManagedStorage } from '../../src/packages/managed-storage.js';
import { OverlayPlacement } from '../../src/packages/overlay-placement.js';
import { OverlayService } from '../../src/packages/overlay.service.js';
import { PackageIntegrity } from '../../src/packages/package-integrity.js';
import { PackagePaths } from '../../src/packages/package-paths.js';
import { PackageRegistry } from '../../src/packages/package-registry.js';
import { PackageResolver } from '../../src/packages/package-resolver.js';
import type { InstalledPackage } from '../../src/packages/package-types.js';
import { PackageUse } from '../../src/packages/package-use.js';
import { PackagesService } from '../../src/packages/packages.service.js';
import { PackageUploadService } from '../../src/packages/upload/package-upload.service.js';

/** Limits that are small enough to be reached by a test. */
export const PACKAGE_SETTINGS: PackageSettings = {
  paths: [],
  maxBytes: 1024 * 1024,
  maxUnpackedBytes: 256 * 1024 * 1024,
  maxEntries: 2000,
  maxRatio: 200,
  idleSeconds: 5,
};

/** The services of the packages over folders of their own, and one session. */
export class PackagesFixture {
  readonly base = mkdtempSync(join(tmpdir(), 'fermilink-packages-'));
  readonly root = join(this.base, 'scientific');
  readonly workspacePath = join(this.base, 'session');
  readonly repoPath = join(this.workspacePath, 'repo');
  readonly config: RunnerConfig;
  readonly registry: PackageRegistry;
  readonly resolver: PackageResolver;
  readonly use = new PackageUse();
  readonly storage: ManagedStorage;
  readonly service: PackagesService;
  readonly uploads: PackageUploadService;
  workspace!: Directory;
  repo!: Directory;

  constructor(settings: Partial<RunnerConfig> = {}) {
    this.config = new RunnerConfig({
      scientificPackagesRoot: this.root,
      activePackageId: null,
      maxwellLinkRoot: join(this.base, 'maxwelllink'),
      legacyMaxwellLinkPackageId: 'maxwelllink-local',
      packages: { ...PACKAGE_SETTINGS, paths: [join(this.root, 'packages')] },
      ...settings,
    } as RunnerConfig);
    this.registry = new PackageRegistry(this.config);
    this.resolver = new PackageResolver(this.config, this.registry, this.use);
    this.storage = new ManagedStorage(this.config, this.registry, this.use, createLogger());
    this.service = new PackagesService(
      this.registry,
      this.storage,
      new PackagePaths(this.config, createLogger()),
    );
    this.uploads = new PackageUploadService(this.config, this.registry, this.storage);
  }

  get registryFile(): string {
    return join(this.root, 'registry.json');
  }

  get manifestFile(): string {
    return join(this.workspacePath, '.package_manifest.json');
  }

  /** Opens an empty session in the place of the last one. */
  async openSession(): Promise<this> {
    await this.closeSession();
    mkdirSync(this.repoPath, { recursive: true });
    this.workspace = await Directory.open(this.workspacePath);
    this.repo = await this.workspace.openSub('repo');
    return this;
  }

  async dispose(): Promise<void> {
    await this.closeSession();
    rmSync(this.base, { recursive: true, force: true });
  }

  private async closeSession(): Promise<void> {
    await this.repo?.close();
    await this.workspace?.close();
    rmSync(this.workspacePath, { recursive: true, force: true });
  }

  overlays(placement = new OverlayPlacement()): OverlayService {
    return new OverlayService(this.resolver, placement, new PackageIntegrity());
  }

  /** Makes a folder with files, given by path; each file holds its own path. */
  folder(name: string, files: string[] = []): string {
    const folder = join(this.base, name);
    mkdirSync(folder, { recursive: true });
    for (const file of files) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), `${name}/${file}`);
    }
    return folder;
  }

  /** Makes the folder of a package and registers it. */
  async install(
    id: string,
    files: string[],
    dependencyIds: string[] = [],
  ): Promise<InstalledPackage> {
    const path = this.folder(`installed/${id}`, files);
    await this.service.register({ id, path });
    if (dependencyIds.length > 0) await this.service.setDependencies(id, dependencyIds);
    return { id, path, overlayEntries: null, dependencyIds, uploaded: null };
  }

  writeRegistry(content: unknown): void {
    mkdirSync(this.root, { recursive: true });
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(this.registryFile, text);
  }

  writeManifest(content: unknown): void {
    writeFileSync(
      this.manifestFile,
      typeof content === 'string' ? content : JSON.stringify(content),
    );
  }

  storedRegistry(): ReturnType<typeof JSON.parse> {
    return JSON.parse(readFileSync(this.registryFile, 'utf8'));
  }

  manifest(): ReturnType<typeof JSON.parse> {
    return JSON.parse(readFileSync(this.manifestFile, 'utf8'));
  }

  inRepo(): string[] {
    return readdirSync(this.repoPath).sort();
  }
}

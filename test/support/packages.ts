import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Directory } from '../../src/common/directory.js';
import { RunnerConfig } from '../../src/config/runner-config.js';
import { OverlayPlacement } from '../../src/packages/overlay-placement.js';
import { OverlayService } from '../../src/packages/overlay.service.js';
import { PackageRegistry } from '../../src/packages/package-registry.js';
import { PackageResolver } from '../../src/packages/package-resolver.js';
import type { InstalledPackage } from '../../src/packages/package-types.js';
import { PackagesService } from '../../src/packages/packages.service.js';

/** The services of the packages over folders of their own, and one session. */
export class PackagesFixture {
  readonly base = mkdtempSync(join(tmpdir(), 'fermilink-packages-'));
  readonly root = join(this.base, 'scientific');
  readonly workspacePath = join(this.base, 'session');
  readonly repoPath = join(this.workspacePath, 'repo');
  readonly config: RunnerConfig;
  readonly registry: PackageRegistry;
  readonly resolver: PackageResolver;
  readonly service: PackagesService;
  workspace!: Directory;
  repo!: Directory;

  constructor(settings: Partial<RunnerConfig> = {}) {
    this.config = new RunnerConfig({
      scientificPackagesRoot: this.root,
      activePackageId: null,
      maxwellLinkRoot: join(this.base, 'maxwelllink'),
      legacyMaxwellLinkPackageId: 'maxwelllink-local',
      ...settings,
    } as RunnerConfig);
    this.registry = new PackageRegistry(this.config);
    this.resolver = new PackageResolver(this.config, this.registry);
    this.service = new PackagesService(this.config, this.registry);
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
    return new OverlayService(this.resolver, placement);
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
    return { id, path, overlayEntries: null, dependencyIds };
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

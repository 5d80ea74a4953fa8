import type { RunnerConfig } from '../../src/config/runner-config.js';
import { OverlayPlacement } from '../../src/packages/overlay-placement.js';
import { OverlayService } from '../../src/packages/overlay.service.js';
import { PackageIntegrity } from '../../src/packages/package-integrity.js';
import { PackageRegistry } from '../../src/packages/package-registry.js';
import { PackageResolver } from '../../src/packages/package-resolver.js';
import { PackageUse } from '../../src/packages/package-use.js';
import { GitRepositoryService } from '../../src/workspace/git-repository.service.js';
import { InstructionFilesService } from '../../src/workspace/instruction-files.service.js';
import { type WorkspaceRequest, WorkspaceService } from '../../src/workspace/workspace.service.js';

/** The service that prepares workspaces, with all that it needs. */
export class WorkspacesFixture {
  private readonly git: GitRepositoryService;
  private readonly service: WorkspaceService;

  constructor(config: RunnerConfig) {
    const resolver = new PackageResolver(config, new PackageRegistry(config), new PackageUse());
    this.git = new GitRepositoryService(config);
    this.service = new WorkspaceService(
      config,
      resolver,
      new OverlayService(resolver, new OverlayPlacement(), new PackageIntegrity()),
      new InstructionFilesService(config),
      this.git,
    );
  }

  /** Prepares a session as a run would, and closes what is open for its agent. */
  async prepare(sessionId: string, more: Partial<WorkspaceRequest> = {}) {
    const prepared = await this.service.prepare({
      sessionId,
      prompt: 'a prompt',
      requestedPackageId: null,
      providerId: 'codex',
      signal: new AbortController().signal,
      ...more,
    });
    await prepared.repo.close();
    return prepared;
  }

  repoPathOf(sessionId: string): string {
    return this.service.repoPathOf(sessionId);
  }

  async dispose(): Promise<void> {
    await this.git.onModuleDestroy();
  }
}

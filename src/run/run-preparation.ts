import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import type { Directory } from '../common/directory.js';
import { removeTree } from '../common/remove-tree.js';
import { errnoOf, RunnerError, toRunnerError } from '../common/errors.js';
import { RunnerConfig } from '../config/runner-config.js';
import type { OverlaySummary } from '../packages/package-types.js';
import type { RunPolicy } from '../provider/policy.js';
import { PolicyService } from '../provider/policy.service.js';
import { type Launch, ProviderService } from '../provider/provider.service.js';
import { WorkspaceService } from '../workspace/workspace.service.js';
import { RUN_COOKIE_VARIABLE } from './proc.js';
import type { Run } from './run.js';

/** Everything that an agent's start needs. `repo` is open; whoever starts the agent closes it. */
export interface PreparedRun {
  policy: RunPolicy;
  launch: Launch;
  repo: Directory;
  overlay: OverlaySummary | null;
}

/** Prepares a run that has its slot: policy, workspace, temporary folders, command line. */
@Injectable()
export class RunPreparation {
  constructor(
    private readonly config: RunnerConfig,
    private readonly policies: PolicyService,
    private readonly providers: ProviderService,
    private readonly workspaces: WorkspaceService,
  ) {}

  /**
   * @throws {RunnerError} what went wrong, `prepare_timeout` among it
   * @throws the cause of the run's end if it is stopped meanwhile
   */
  async prepare(run: Run): Promise<PreparedRun> {
    const seconds = this.config.prepareTimeoutSeconds;
    const limit = AbortSignal.timeout(seconds * 1000);
    const signal = AbortSignal.any([run.stopSignal, limit]);
    try {
      return await this.prepareUntil(run, signal);
    } catch (error) {
      run.stopSignal.throwIfAborted();
      if (limit.aborted) {
        throw new RunnerError(
          'prepare_timeout',
          `The workspace could not be prepared within ${seconds} seconds; try again later.`,
          { cause: error },
        );
      }
      throw toRunnerError(error);
    }
  }

  /** Removes the run's temporary folders with all that the agent left in them. */
  async cleanUp(run: Run): Promise<void> {
    const folder = this.folderOf(run);
    // Mostly they are empty, and then no program has to be started.
    for (const place of [join(folder, 'tmp'), join(folder, 'launch'), folder]) {
      const error: unknown = await rmdir(place).catch((it: unknown) => it);
      if (error !== undefined && errnoOf(error) !== 'ENOENT') {
        return removeTree(this.config.runtimeRoot, `run-${run.id}`);
      }
    }
  }

  private async prepareUntil(run: Run, signal: AbortSignal): Promise<PreparedRun> {
    const { order, cookie } = run.record;
    const policy = await this.policies.forRun(order.sandbox);
    run.provider = policy.provider;
    // Before any file is touched: whether this provider can run here at all.
    this.providers.requireImplemented(policy.provider);
    signal.throwIfAborted();
    const { repo, repoPath, overlay } = await this.workspaces.prepare({
      sessionId: run.sessionId,
      prompt: order.prompt,
      requestedPackageId: order.packageId,
      providerId: policy.provider,
      signal,
    });
    try {
      signal.throwIfAborted();
      const folder = this.folderOf(run);
      const tmpDir = join(folder, 'tmp');
      const launchFolder = join(folder, 'launch');
      // An administrator may have cleared the runtime root under a server that is up.
      await mkdir(this.config.runtimeRoot, { recursive: true, mode: 0o700 });
      await mkdir(folder, { mode: 0o700 });
      await mkdir(tmpDir, { mode: 0o700 });
      await mkdir(launchFolder, { mode: 0o700 });
      const launch = await this.providers.prepareLaunch({
        policy,
        repoPath,
        prompt: order.prompt,
        mark: { [RUN_COOKIE_VARIABLE]: cookie },
        tmpDir,
        launchFolder,
      });
      signal.throwIfAborted();
      return { policy, launch, repo, overlay };
    } catch (error) {
      await repo.close();
      throw error;
    }
  }

  private folderOf(run: Run): string {
    return join(this.config.runtimeRoot, `run-${run.id}`);
  }
}

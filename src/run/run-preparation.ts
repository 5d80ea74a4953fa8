import { mkdirSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import type { Directory } from '../common/directory.js';
import { removeTree } from '../common/remove-tree.js';
import { errnoOf, RunnerError, toRunnerError } from '../common/errors.js';
import { together } from '../common/together.js';
import { RunnerConfig } from '../config/runner-config.js';
import { RunChanges } from '../files/changes/run-changes.service.js';
import type { OverlaySummary } from '../packages/package-types.js';
import type { RunPolicy } from '../provider/policy.js';
import { PolicyService } from '../provider/policy.service.js';
import type { Talk } from '../provider/talk.js';
import { type Launch, ProviderService } from '../provider/provider.service.js';
import { RunFolder } from '../provider/run-folder.js';
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
    private readonly changes: RunChanges,
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

  /**
   * Removes the run's temporary folders with all that the agent left in them, keeps a login that it has
   * renewed, and lets go of its packages.
   */
  async cleanUp(run: Run): Promise<void> {
    this.workspaces.leave(run.sessionId);
    this.changes.leave(run.sessionId);
    await together(this.removeFolders(run), this.providers.keepLogin(run.provider, run.sessionId));
  }

  /** The moment of the start of its agent; call it in the tick of the spawn. */
  momentOf(run: Run): number | null {
    return this.changes.moment(run.sessionId, this.folderOf(run).tmp);
  }

  /** Remembers the talk of a run whose agent has ended, as `TalksService.remember` does. */
  rememberTalk({ provider, sessionId }: Run, talk: Talk | null, wasResumed: boolean): void {
    this.providers.rememberTalk(provider, sessionId, talk, wasResumed);
  }

  private async removeFolders(run: Run): Promise<void> {
    const folder = this.folderOf(run);
    // Mostly they are empty, and then no program has to be started.
    for (const place of [folder.tmp, folder.launch, folder.path]) {
      const error: unknown = await rmdir(place).catch((it: unknown) => it);
      if (error !== undefined && errnoOf(error) !== 'ENOENT') {
        return removeTree(this.config.runtimeRoot, folder.name);
      }
    }
  }

  private async prepareUntil(run: Run, signal: AbortSignal): Promise<PreparedRun> {
    const { order } = run.record;
    const policy = await this.policies.forRun(order.sandbox);
    // Before any file is touched: whether this provider can run here at all. What is none may be anything
    // that somebody has pasted, and is no name for a metric.
    const adapter = this.providers.requireStartable(policy);
    run.provider = adapter.id;
    signal.throwIfAborted();
    const preparing = this.workspaces.prepare({
      sessionId: run.sessionId,
      prompt: order.prompt,
      requestedPackageId: order.packageId,
      providerId: adapter.id,
      putAway: adapter.startsFrom,
      signal,
    });
    try {
      const [{ repo, overlay }, launch] = await together(
        preparing,
        this.prepareLaunch(run, policy),
      );
      signal.throwIfAborted();
      return { policy, launch, repo, overlay };
    } catch (error) {
      // It has settled: `together` waits for both.
      await preparing.then(
        ({ repo }) => repo.close(),
        () => undefined,
      );
      throw error;
    }
  }

  private async prepareLaunch(run: Run, policy: RunPolicy): Promise<Launch> {
    const { order, cookie } = run.record;
    const folder = this.folderOf(run);
    this.makeFolder(folder.path);
    mkdirSync(folder.tmp, { mode: 0o700 });
    return this.providers.prepareLaunch({
      policy,
      sessionId: run.sessionId,
      folder,
      repoPath: this.workspaces.repoPathOf(run.sessionId),
      prompt: order.prompt,
      // Missing in a record that an older server has left.
      goesOn: order.continueConversation ?? false,
      mark: { [RUN_COOKIE_VARIABLE]: cookie },
    });
  }

  /** In this turn, as the records and logs are written that lie in the same place. */
  private makeFolder(path: string): void {
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      // An administrator may have cleared the runtime root under a server that is up.
      mkdirSync(this.config.runtimeRoot, { recursive: true, mode: 0o700 });
      mkdirSync(path, { mode: 0o700 });
    }
  }

  private folderOf({ id }: Run): RunFolder {
    return new RunFolder(this.config.runtimeRoot, id);
  }
}

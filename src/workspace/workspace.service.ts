import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { copyTree, UncopiableError } from '../common/copy-tree.js';
import { Directory } from '../common/directory.js';
import { UnsafePathError } from '../common/regular-file.js';
import { errnoOf, RunnerError, toRunnerError } from '../common/errors.js';
import { together } from '../common/together.js';
import { RunnerConfig } from '../config/runner-config.js';
import { OverlayService } from '../packages/overlay.service.js';
import { PackageResolver } from '../packages/package-resolver.js';
import type { InstalledPackage, OverlaySummary } from '../packages/package-types.js';
import { GitRepositoryService } from './git-repository.service.js';
import { InstructionFilesService } from './instruction-files.service.js';
import { ensureMemoryFile } from './memory-file.js';
import { putAway } from './put-away.js';

const REPO = 'repo';
/** Where the template is copied to before it becomes `repo/`; what is found there is a crash's rest. */
const UNFINISHED_REPO = '.repo-unfinished';

export interface WorkspaceRequest {
  /** A valid session id. */
  sessionId: string;
  prompt: string;
  requestedPackageId: string | null;
  providerId: string;
  /** Names in `repo/` from which the provider's CLI would start programs. */
  putAway?: readonly string[];
  /** Looked at between two steps. */
  signal: AbortSignal;
}

/** A session that is ready for an agent. */
export interface PreparedWorkspace {
  /** Open; the caller closes it. The agent is started in it. */
  repo: Directory;
  overlay: OverlaySummary | null;
}

/** Prepares the workspaces of sessions (contract, section 5). */
@Injectable()
export class WorkspaceService {
  constructor(
    private readonly config: RunnerConfig,
    private readonly packages: PackageResolver,
    private readonly overlays: OverlayService,
    private readonly instructions: InstructionFilesService,
    private readonly git: GitRepositoryService,
  ) {}

  /** Where the `repo/` of a session is, or will be. */
  repoPathOf(sessionId: string): string {
    return join(this.config.workspacesRoot, sessionId, REPO);
  }

  /**
   * Makes a session's workspace, or brings it up to date for its next run. Two calls for one session
   * must not overlap; the caller sees to that.
   * @throws {RunnerError} `workspace_failed`, `memory_file_failed`, `overlay_refused`,
   *   `package_not_found`, `package_invalid`, `package_modified`, `disk_full`, `too_many_files`
   * @throws the signal's reason
   */
  async prepare(request: WorkspaceRequest): Promise<PreparedWorkspace> {
    const opened: Directory[] = [];
    const keep = (directory: Directory) => {
      opened.push(directory);
      return directory;
    };
    try {
      request.signal.throwIfAborted();
      const root = keep(await Directory.open(this.config.workspacesRoot));
      const workspace = keep(await root.ensureSub(request.sessionId));
      const { repo, fresh } = await this.openRepo(workspace, request.signal);
      try {
        return { repo, overlay: await this.fill(workspace, repo, fresh, request) };
      } catch (error) {
        await repo.close();
        throw error;
      }
    } catch (error) {
      request.signal.throwIfAborted();
      throw this.explain(error, request.sessionId);
    } finally {
      await together(...opened.map((directory) => directory.close()));
    }
  }

  /** The run for which a session was prepared has ended, or will not begin: its packages may go. */
  leave(sessionId: string): void {
    this.packages.release(sessionId);
  }

  /** Opens `repo/`, which is a copy of the template on a session's first run. */
  private async openRepo(
    workspace: Directory,
    signal: AbortSignal,
  ): Promise<{ repo: Directory; fresh: boolean }> {
    try {
      return { repo: await workspace.openSub(REPO), fresh: false };
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
    await this.copyTemplate(workspace, signal);
    signal.throwIfAborted();
    await workspace.rename(UNFINISHED_REPO, REPO);
    return { repo: await workspace.openSub(REPO), fresh: true };
  }

  private async copyTemplate(workspace: Directory, signal: AbortSignal): Promise<void> {
    const options = { links: 'follow', signal } as const;
    try {
      await copyTree(this.config.templateRoot, workspace, UNFINISHED_REPO, options);
    } catch (error) {
      if (!(error instanceof UncopiableError)) throw error;
      throw new RunnerError(
        'workspace_failed',
        `"${error.place}" in the template of workspaces is ${error.found} that cannot be copied; the administrator has to remove it.`,
      );
    }
  }

  private async fill(
    workspace: Directory,
    repo: Directory,
    fresh: boolean,
    {
      sessionId,
      prompt,
      requestedPackageId,
      providerId,
      putAway: names = [],
      signal,
    }: WorkspaceRequest,
  ): Promise<OverlaySummary | null> {
    signal.throwIfAborted();
    const [rules, pkg] = await together(
      this.instructions.load(),
      this.choosePackage(workspace, sessionId, requestedPackageId, signal),
      this.git.ensure(workspace, repo, signal),
    );
    signal.throwIfAborted();
    const putRules = () => this.instructions.put(repo, rules, providerId, signal);
    let overlay: OverlaySummary | null = null;
    if (pkg !== null) {
      // Before its links, so that a package cannot take their names.
      await putRules();
      signal.throwIfAborted();
      overlay = await this.overlays.apply({
        repo,
        workspace,
        pkg,
        freshRepo: fresh,
        reserved: this.instructions.aliasNames,
        sessionId,
        signal,
      });
      signal.throwIfAborted();
    }
    await together(
      // Again behind an overlay, whatever that may have done: the rules are the administrator's.
      putRules(),
      putAway(repo, names),
      keepMemory(repo, prompt),
      repo.ensureSub('outputs').then((outputs) => outputs.close()),
    );
    return overlay;
  }

  private async choosePackage(
    workspace: Directory,
    sessionId: string,
    requestedId: string | null,
    signal: AbortSignal,
  ): Promise<InstalledPackage | null> {
    await this.packages.registerLegacy(signal);
    const pinnedId = await this.overlays.pinnedPackageId(workspace);
    return this.packages.choose({ requestedId, pinnedId, sessionId });
  }

  /** Says what is wrong by its place in the session, never by a path of the server. */
  private explain(error: unknown, sessionId: string): RunnerError {
    const session = join(this.config.workspacesRoot, sessionId);
    const isInSession =
      error instanceof UnsafePathError && `${error.path}/`.startsWith(`${session}/`);
    if (isInSession) {
      const place = error.path.slice(session.length + 1).replace(/^repo\/(?=.)/, '');
      return new RunnerError(
        'workspace_failed',
        `${place || "The session's folder"} is ${error.found}, but it must be ${error.expected}; remove it and run again.`,
        { cause: error },
      );
    }
    return toRunnerError(
      error,
      'workspace_failed',
      'The workspace of the session could not be prepared; the log of the runner has the cause.',
    );
  }
}

async function keepMemory(repo: Directory, prompt: string): Promise<void> {
  const projects = await repo.ensureSub('projects');
  try {
    await ensureMemoryFile(projects, prompt);
  } finally {
    await projects.close();
  }
}

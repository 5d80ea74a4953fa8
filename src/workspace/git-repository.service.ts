import { mkdir, mkdtemp, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { copyTree } from '../common/copy-tree.js';
import type { Directory } from '../common/directory.js';
import { UnsafePathError } from '../common/regular-file.js';
import { removeTree } from '../common/remove-tree.js';
import { RunnerError, toRunnerError } from '../common/errors.js';
import { runProgram } from '../common/program.js';
import { RunnerConfig } from '../config/runner-config.js';

const GIT = '.git';
const MAX_GIT_FILE_BYTES = 64 * 1024;
/** Where a repository is copied to before it becomes `repo/.git`: beside `repo/`, where agents work. */
const UNFINISHED_GIT = '.git-unfinished';
const NO_REPOSITORY =
  'A git repository could not be made; the administrator has to see to it that git is installed and works.';

/**
 * Sees to it that a session's `repo/` is a git repository. git itself runs once for a server, in a
 * folder of the server's own and without any configuration; what it made is copied into each session.
 * It never runs in a workspace, where an agent could have written what it reads.
 */
@Injectable()
export class GitRepositoryService implements OnModuleDestroy {
  private pristine: Promise<string> | null = null;

  constructor(private readonly config: RunnerConfig) {}

  /**
   * Leaves a valid repository alone, and puts a new one in the place of anything else.
   * @throws {RunnerError} `workspace_failed` if git does not make one
   * @throws the signal's reason
   */
  async ensure(workspace: Directory, repo: Directory, signal: AbortSignal): Promise<void> {
    const present = await repo.lstat(GIT);
    if (present !== null) {
      if (present.isDirectory()) {
        if (await hasHead(repo)) return;
        // What is left of a repository may still be of use to its owner.
        await repo.rename(GIT, `.git-broken-${Date.now()}`);
      } else if (await isGitFile(repo)) {
        return;
      } else {
        await repo.remove(GIT);
      }
    }
    const pristine = await this.pristineRepository();
    await copyTree(pristine, workspace, UNFINISHED_GIT, { links: 'follow', signal });
    await rename(workspace.at(UNFINISHED_GIT), repo.at(GIT));
  }

  async onModuleDestroy(): Promise<void> {
    const path = await this.pristine?.catch(() => null);
    if (path) await removeFolderOf(path);
  }

  /** The path of an untouched `.git`; made at the first use, and again if it failed or was lost. */
  private async pristineRepository(): Promise<string> {
    const known = this.pristine;
    if (known !== null) {
      const path = await known;
      if (await isWhole(path)) return path;
      // Sessions that see the loss at the same time share one new repository.
      if (this.pristine === known) this.pristine = null;
    }
    this.pristine ??= this.initialize().catch((error: unknown) => {
      this.pristine = null;
      throw error;
    });
    return this.pristine;
  }

  private async initialize(): Promise<string> {
    await mkdir(this.config.runtimeRoot, { recursive: true, mode: 0o700 });
    const path = join(await mkdtemp(join(this.config.runtimeRoot, 'git-')), GIT);
    try {
      await this.runGitInit(dirname(path));
      return path;
    } catch (error) {
      await removeFolderOf(path);
      throw error;
    }
  }

  private async runGitInit(folder: string): Promise<void> {
    const env = {
      PATH: this.config.environment.PATH ?? '/usr/bin:/bin',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
    };
    const { code, complaint } = await runProgram('git', ['init', '-q'], { cwd: folder, env }).catch(
      (error: Error) => {
        throw toRunnerError(error.cause, 'workspace_failed', NO_REPOSITORY);
      },
    );
    if (code !== 0 || !(await isWhole(join(folder, GIT)))) {
      const cause = new Error(`git init ended with ${code}: ${complaint}`);
      throw new RunnerError('workspace_failed', NO_REPOSITORY, { cause });
    }
  }
}

/** Whether a repository of our own has what git itself asks of one. */
async function isWhole(path: string): Promise<boolean> {
  const [head, objects, refs] = await Promise.all(
    ['HEAD', 'objects', 'refs'].map((name) => stat(join(path, name)).catch(() => null)),
  );
  return Boolean(head?.isFile() && objects?.isDirectory() && refs?.isDirectory());
}

async function removeFolderOf(gitPath: string): Promise<void> {
  const folder = dirname(gitPath);
  await removeTree(dirname(folder), basename(folder));
}

async function hasHead(repo: Directory): Promise<boolean> {
  const git = await repo.openSub(GIT);
  try {
    return (await git.lstat('HEAD'))?.isFile() ?? false;
  } finally {
    await git.close();
  }
}

/** A `.git` file that points to a repository elsewhere, as worktrees and submodules have it. */
async function isGitFile(repo: Directory): Promise<boolean> {
  try {
    const content = await repo.readFile(GIT, MAX_GIT_FILE_BYTES);
    return content?.toString('utf8').trim().startsWith('gitdir:') ?? false;
  } catch (error) {
    if (error instanceof UnsafePathError) return false;
    throw error;
  }
}

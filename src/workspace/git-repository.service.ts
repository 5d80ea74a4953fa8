import { cp, mkdir, mkdtemp, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { type Directory, isFolder, removeTree, UnsafePathError } from '../common/directory.js';
import { RunnerError } from '../common/errors.js';
import { runProgram } from '../common/program.js';
import { RunnerConfig } from '../config/runner-config.js';

const GIT = '.git';
const MAX_GIT_FILE_BYTES = 64 * 1024;

/**
 * Sees to it that a session's `repo/` is a git repository. git itself runs once for a server, in a
 * folder of the server's own and without any configuration; what it made is copied into each session.
 * It never runs in a workspace, where an agent could have written what it reads.
 */
@Injectable()
export class GitRepositoryService implements OnModuleDestroy {
  private pristine: Promise<string> | null = null;

  constructor(private readonly config: RunnerConfig) {}

  /** Leaves a valid repository alone, and puts a new one in the place of anything else. */
  async ensure(repo: Directory): Promise<void> {
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
    await this.copyTo(repo, GIT);
  }

  async onModuleDestroy(): Promise<void> {
    const path = await this.pristine?.catch(() => null);
    if (path) await removeTree(join(path, '..', '..'), folderName(path));
  }

  private async copyTo(repo: Directory, name: string): Promise<void> {
    const source = await this.pristineRepository();
    const temporary = '.fermilink-git.tmp';
    await repo.remove(temporary);
    await cp(source, repo.at(temporary), { recursive: true });
    await repo.rename(temporary, name);
  }

  /** The path of an untouched `.git`; made at the first use, and again if it was lost. */
  private async pristineRepository(): Promise<string> {
    if (this.pristine !== null) {
      const path = await this.pristine.catch(() => null);
      if (path !== null && (await isFolder(path))) return path;
    }
    this.pristine = this.initialize();
    return this.pristine;
  }

  private async initialize(): Promise<string> {
    await mkdir(this.config.runtimeRoot, { recursive: true, mode: 0o700 });
    const folder = await mkdtemp(join(this.config.runtimeRoot, 'git-'));
    const { code, complaint } = await runProgram('git', ['init', '-q'], {
      cwd: folder,
      env: {
        PATH: this.config.environment.PATH ?? '/usr/bin:/bin',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
      },
    });
    if (code !== 0 || !(await stat(join(folder, GIT, 'HEAD'))).isFile()) {
      throw new RunnerError(
        'workspace_failed',
        'A git repository could not be made; is git installed?',
        {
          cause: new Error(`git init ended with ${code}: ${complaint}`),
        },
      );
    }
    return join(folder, GIT);
  }
}

function folderName(gitPath: string): string {
  return gitPath.split('/').at(-2)!;
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

import { mkdir, mkdtemp, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { Directory } from '../../common/directory.js';
import { errnoOf } from '../../common/errors.js';
import { makeFolder } from '../../common/make-folder.js';
import { removeTree } from '../../common/remove-tree.js';
import { RunnerConfig } from '../../config/runner-config.js';

const GIT = 'git';
/** All that a git directory of ours consists of. */
const PARTS = new Set(['HEAD', 'config', 'objects', 'packed-refs', 'refs']);
const HEAD = 'ref: refs/heads/main\n';
const CONFIG = '[core]\n\trepositoryformatversion = 0\n\tbare = true\n';

/**
 * Keeps the server's own git directories, one a session, in the runtime root. Each is put in order before it
 * is used: what may have come to be in it by somebody else is not obeyed.
 */
@Injectable()
export class GitFolders {
  constructor(private readonly config: RunnerConfig) {}

  /** The path of a session's git directory; null if it has none. */
  async find(sessionId: string): Promise<string | null> {
    const path = this.pathOf(sessionId);
    try {
      await putInOrder(path);
      return path;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    }
  }

  /** The path of a session's git directory, made where there is none; for whoever alone changes it. */
  async ensure(sessionId: string): Promise<string> {
    const path = this.pathOf(sessionId);
    await makeFolder(join(this.config.runtimeRoot, GIT), 0o700);
    await make(path);
    await removeLocks(path);
    return path;
  }

  /**
   * Does some work in a git directory that goes afterwards.
   * @param objects of another one that it may read; null for none
   */
  async withTemporary<T>(objects: string | null, work: (path: string) => Promise<T>): Promise<T> {
    // A start removes what is named so, and was left by a server that died.
    const path = await mkdtemp(join(this.config.runtimeRoot, 'git-'));
    try {
      await make(path);
      if (objects !== null) {
        const folder = await Directory.open(join(path, 'objects', 'info'));
        try {
          await folder.createFile('alternates', `${join(objects, 'objects')}\n`);
        } finally {
          await folder.close();
        }
      }
      return await work(path);
    } finally {
      await removeTree(this.config.runtimeRoot, basename(path));
    }
  }

  /** Removes what there is of a session that is no more. */
  async remove(sessionId: string): Promise<void> {
    await removeTree(this.config.runtimeRoot, join(GIT, sessionId));
  }

  private pathOf(sessionId: string): string {
    return join(this.config.runtimeRoot, GIT, sessionId);
  }
}

async function make(path: string): Promise<void> {
  for (const part of ['objects/info', 'objects/pack', 'refs/heads']) {
    await mkdir(join(path, part), { recursive: true, mode: 0o700 });
  }
  await putInOrder(path);
}

/** What a git that was killed has left: one at a time changes anything, so nobody holds them. */
async function removeLocks(path: string): Promise<void> {
  for (const [part, left] of [
    ['refs/heads', /\.lock$/],
    ['objects/pack', /^\.?tmp[-_]/],
  ] as const) {
    const folder = await Directory.open(join(path, part));
    try {
      for (const name of await readdir(folder.self)) {
        if (left.test(name)) await folder.remove(name);
      }
    } finally {
      await folder.close();
    }
  }
}

async function putInOrder(path: string): Promise<void> {
  const folder = await Directory.open(path);
  try {
    for (const name of await readdir(folder.self)) {
      if (!PARTS.has(name)) await folder.remove(name);
    }
    await folder.replaceFile('config', CONFIG);
    await folder.replaceFile('HEAD', HEAD);
  } finally {
    await folder.close();
  }
}

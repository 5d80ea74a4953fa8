import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Directory } from '../common/directory.js';
import { kindOf } from '../common/regular-file.js';
import { errnoOf, RunnerError } from '../common/errors.js';

/**
 * Copies a folder of the server's or the administrator's to `name` in a workspace, links as what they
 * point to. What a crash has left at `name` is removed first.
 *
 * Node's `cp` goes by paths, and with `dereference` it writes through a link that takes the place of a
 * folder meanwhile. Here every folder is made exclusively and held open, and every file is made
 * exclusively in it: whatever comes to stand in the way is an error.
 * @throws {RunnerError} `workspace_failed` for what cannot be copied: a dangling link, a FIFO, a socket
 * @throws the signal's reason
 */
export async function copyTree(
  source: string,
  parent: Directory,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await parent.remove(name);
  await copyFolder(source, parent, name, { top: source, signal });
}

interface Copying {
  /** The folder that is copied; errors name places by their way from it. */
  top: string;
  signal: AbortSignal;
}

async function copyFolder(
  source: string,
  parent: Directory,
  name: string,
  copying: Copying,
): Promise<void> {
  await mkdir(parent.at(name));
  const target = await parent.openSub(name);
  try {
    for (const entry of await readdir(source)) {
      copying.signal.throwIfAborted();
      await copyEntry(join(source, entry), target, entry, copying);
    }
  } finally {
    await target.close();
  }
}

async function copyEntry(
  source: string,
  target: Directory,
  name: string,
  copying: Copying,
): Promise<void> {
  const stats = await targetOf(source);
  if (stats?.isDirectory()) {
    await copyFolder(source, target, name, copying);
  } else if (stats?.isFile()) {
    await copyFile(source, target.at(name), constants.COPYFILE_EXCL);
  } else {
    const found = stats === null ? kindOf(await lstat(source)) : kindOf(stats);
    const shown = source.slice(copying.top.length + 1);
    throw new RunnerError(
      'workspace_failed',
      `"${shown}" in the template of workspaces is ${found} that cannot be copied; the administrator has to remove it.`,
    );
  }
}

/** What a path leads to in the end; null for a link that leads nowhere. */
async function targetOf(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ELOOP') return null;
    throw error;
  }
}

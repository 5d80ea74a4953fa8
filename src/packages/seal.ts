import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../common/program.js';

const FOLDER_MODE = 0o555;

/** Takes the permission to write from a folder and from those in it; its files never had one. */
export async function closeFolders(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await closeFolders(join(folder, entry.name));
  }
  await chmod(folder, FOLDER_MODE);
}

/**
 * Makes sure that all of a folder is on the disk. The whole file system is flushed once: a flush of each
 * file would cost the time of the disk for each.
 */
export async function syncDisk(folder: string): Promise<void> {
  const { code, complaint } = await runProgram('sync', ['--file-system', folder]);
  if (code !== 0) throw new Error(`sync ended with ${code}: ${complaint}`);
}

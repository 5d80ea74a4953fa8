import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openPlace } from './open-folder.js';
import { runProgram } from './program.js';

/** How deep folders are unlocked; each level holds a descriptor, and an agent decides how many there are. */
const MAX_UNLOCKED_DEPTH = 128;

/**
 * Removes `name` under `parent` with everything in it. The `rm` of coreutils walks by descriptor: it
 * follows no link that is swapped in meanwhile and manages trees deeper than the longest path, which
 * Node's own `rm` does not.
 * @param signal stops it on the way; what is left then can be removed by another call
 * @throws if something of it is left
 * @throws the signal's reason
 */
export async function removeTree(
  parent: string,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  if ((await rm(parent, name, signal)) === null) return;
  // Some tools leave folders that their owner may not write (Go's module cache). They keep what is in
  // them against anybody but root.
  await unlockFolders(join(parent, name), MAX_UNLOCKED_DEPTH, signal);
  const complaint = await rm(parent, name, signal);
  if (complaint !== null) throw new Error(complaint);
}

/** @returns what `rm` complained of, or null if everything is gone */
async function rm(parent: string, name: string, signal?: AbortSignal): Promise<string | null> {
  const args = ['-rf', '--one-file-system', '--', `./${name}`];
  const { code, complaint } = await runProgram('rm', args, { cwd: parent, signal });
  return code === 0 ? null : `rm ended with ${code}: ${complaint}`;
}

/**
 * Lets the owner of a folder, and of those in it, list and change it. It goes by descriptor and never
 * through a link. What it cannot unlock it passes over: the `rm` that comes after says what is left.
 */
export async function unlockFolders(
  path: string | Buffer,
  depth = MAX_UNLOCKED_DEPTH,
  signal?: AbortSignal,
): Promise<void> {
  const folder = await openPlace(path).catch(() => null);
  if (folder === null) return;
  try {
    const self = `/proc/self/fd/${folder.fd}`;
    await chmod(self, 0o700);
    if (depth === 0 || signal?.aborted) return;
    // A name of a file is bytes; as latin1 every one of them comes through.
    for (const entry of await readdir(self, { encoding: 'latin1', withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      await unlockFolders(Buffer.from(`${self}/${entry.name}`, 'latin1'), depth - 1, signal);
    }
  } catch {
    // Somebody else's, or gone meanwhile.
  } finally {
    await folder.close();
  }
}

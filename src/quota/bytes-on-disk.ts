import type { Directory } from '../common/directory.js';
import { runProgram } from '../common/program.js';
import { unlockFolders } from '../common/remove-tree.js';

/**
 * How many bytes a tree takes on the disk: sparse files count what they take, hard links once, links
 * nothing. The `du` of coreutils walks by descriptor, in a process of its own.
 *
 * An agent may have closed folders: they are opened for their owner, as for the next run, so that nothing
 * can be hidden in them.
 * @returns null where there is nothing
 * @throws the signal's reason
 */
export async function bytesOnDisk(
  parent: Directory,
  name: string,
  signal?: AbortSignal,
): Promise<number | null> {
  if ((await parent.lstat(name)) === null) return null;
  const first = await du(parent, name, signal);
  if (first.isWhole) return first.bytes;
  await unlockFolders(parent.at(name), undefined, signal);
  // What still cannot be seen has mostly gone meanwhile.
  return (await du(parent, name, signal)).bytes;
}

async function du(parent: Directory, name: string, signal?: AbortSignal) {
  const args = ['--summarize', '--block-size=1', '--one-file-system', '--', `./${name}`];
  const { code, output } = await runProgram('du', args, {
    cwd: parent.self,
    maxOutput: 1000,
    signal,
  });
  const [digits] = /^\d+/.exec(output) ?? [];
  return { isWhole: code === 0, bytes: digits === undefined ? null : Number(digits) };
}

import { runProgram } from './program.js';

/**
 * Removes `name` under `parent` with everything in it. The `rm` of coreutils walks by descriptor: it
 * follows no link that is swapped in meanwhile and manages trees deeper than the longest path, which
 * Node's own `rm` does not.
 */
export async function removeTree(parent: string, name: string): Promise<void> {
  const { code, complaint } = await runProgram(
    'rm',
    ['-rf', '--one-file-system', '--', `./${name}`],
    { cwd: parent },
  );
  if (code !== 0) throw new Error(`rm ended with ${code}: ${complaint}`);
}

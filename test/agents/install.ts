import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from '../support/runner.js';

const PINNED = join(PROJECT, 'test', 'agents');
const CACHE = join(PROJECT, '.cache', 'agents');
const LOCK = 'package-lock.json';
/** A copy of the lock that is made last, when all of it is installed; npm begins by removing its folder. */
const STAMP = join(CACHE, 'node_modules', '.installed.json');

/**
 * Installs the agent CLIs that `package.json` beside this file pins, apart from the dependencies of
 * the runner, since they have hundreds of megabytes. What is installed already is used again.
 * @returns the folder with their programs
 */
export function installAgents(): string {
  const lock = readFileSync(join(PINNED, LOCK), 'utf8');
  if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== lock) {
    mkdirSync(CACHE, { recursive: true });
    for (const name of ['package.json', LOCK]) copyFileSync(join(PINNED, name), join(CACHE, name));
    const options = ['--prefix', CACHE, '--ignore-scripts', '--no-audit', '--no-fund'];
    execFileSync('npm', ['ci', ...options], { cwd: CACHE, stdio: ['ignore', 'ignore', 'inherit'] });
    copyFileSync(join(CACHE, LOCK), STAMP);
  }
  return join(CACHE, 'node_modules', '.bin');
}

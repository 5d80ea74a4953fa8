import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PROJECT } from '../support/runner.js';

const PINNED = join(PROJECT, 'test', 'agents');
const CACHE = join(PROJECT, '.cache', 'agents');
const MODULES = join(CACHE, 'node_modules');
const LOCK = 'package-lock.json';
/** A copy of the lock that is made last, when all of it is installed; npm begins by removing its folder. */
const STAMP = join(MODULES, '.installed.json');

/** What puts the program of a package in its place; those of the other packages are not needed. */
const INSTALL_SCRIPTS = ['@anthropic-ai/claude-code/install.cjs', 'opencode-ai/postinstall.mjs'];

/**
 * Installs the agent CLIs that `package.json` beside this file pins, apart from the dependencies of
 * the runner, since they have more than a gigabyte. What is installed already is used again.
 * @returns the folder with their programs
 */
export function installAgents(): string {
  const lock = readFileSync(join(PINNED, LOCK), 'utf8');
  if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== lock) {
    mkdirSync(CACHE, { recursive: true });
    for (const name of ['package.json', LOCK]) copyFileSync(join(PINNED, name), join(CACHE, name));
    // Some npm run the scripts of packages and some do not: here it is always done by hand.
    const options = ['--prefix', CACHE, '--ignore-scripts', '--no-audit', '--no-fund'];
    execFileSync('npm', ['ci', ...options], { cwd: CACHE, stdio: ['ignore', 'ignore', 'inherit'] });
    runInstallScripts();
    copyFileSync(join(CACHE, LOCK), STAMP);
  }
  return join(MODULES, '.bin');
}

function runInstallScripts(): void {
  for (const script of INSTALL_SCRIPTS) {
    const path = join(MODULES, script);
    execFileSync(process.execPath, [path], { cwd: dirname(path), stdio: 'inherit' });
  }
}

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from '../../support/runner.js';

const PINNED = join(PROJECT, 'test', 'agents', 'extra', 'package.json');
const CACHE = join(PROJECT, '.cache', 'agents-extra');
/** A copy of what is pinned that is made last, when all of it is installed. */
const STAMP = join(CACHE, 'node_modules', '.installed.json');

/**
 * Installs the CLI that `package.json` beside this file pins, apart from those that the runner knows. It
 * needs nothing besides; of its optional packages the registry has not all, so that no lock file holds.
 * @returns the folder with its program
 */
export function installExtraAgent(): string {
  const pinned = readFileSync(PINNED, 'utf8');
  if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== pinned) {
    mkdirSync(CACHE, { recursive: true });
    copyFileSync(PINNED, join(CACHE, 'package.json'));
    const options = [
      '--omit=optional',
      '--no-package-lock',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
    ];
    execFileSync('npm', ['install', '--prefix', CACHE, ...options], {
      cwd: CACHE,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    copyFileSync(PINNED, STAMP);
  }
  return join(CACHE, 'node_modules', '.bin');
}

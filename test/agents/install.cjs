const { execFileSync } = require('node:child_process');
const { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } = require('node:fs');
const { dirname, join, resolve } = require('node:path');

const CACHE = resolve(__dirname, '..', '..', '.cache', 'agents');
const MODULES = join(CACHE, 'node_modules');
const LOCK = 'package-lock.json';
/** A copy of the lock that is made last, when all of it is installed. */
const STAMP = join(MODULES, '.installed.json');

/** What puts the program of a package in its place; those of the other packages are not needed. */
const INSTALL_SCRIPTS = ['@anthropic-ai/claude-code/install.cjs', 'opencode-ai/postinstall.mjs'];

/**
 * Installs the agent CLIs that `package.json` beside this file pins, apart from the dependencies of
 * the runner, since they have more than a gigabyte. What is installed already is used again. It is done
 * once before all files of a suite, which run at the same time; what fails here fails the suite.
 */
module.exports = function installAgents() {
  const lock = readFileSync(join(__dirname, LOCK), 'utf8');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return;
  mkdirSync(CACHE, { recursive: true });
  for (const name of ['package.json', LOCK]) copyFileSync(join(__dirname, name), join(CACHE, name));
  // Not `npm ci`: it refuses a lock without the programs for other systems, which not every registry has. What
  // is locked is installed all the same. Some npm run the scripts of packages: here it is done by hand.
  rmSync(MODULES, { recursive: true, force: true });
  const options = ['--prefix', CACHE, '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['install', ...options], {
    cwd: CACHE,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  for (const script of INSTALL_SCRIPTS) {
    const path = join(MODULES, script);
    execFileSync(process.execPath, [path], { cwd: dirname(path), stdio: 'inherit' });
  }
  copyFileSync(join(__dirname, LOCK), STAMP);
};

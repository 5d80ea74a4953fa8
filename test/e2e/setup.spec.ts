import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT, temporaryFolder } from '../support/runner.js';

const { scripts } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

describe('what `npm run setup` installs', () => {
  let clone: string;
  beforeEach(() => {
    clone = temporaryFolder();
    write('bin/npm', '#!/bin/sh\necho "$@"\n');
    write('package-lock.json', '{}');
  });
  afterEach(() => rmSync(clone, { recursive: true }));

  function write(path: string, content = '', seconds = 1000): void {
    const file = join(clone, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, content);
    utimesSync(file, seconds, seconds);
    chmodSync(file, 0o755);
  }
  /** The arguments with which npm was called; empty if it was not. */
  function setUp(): string {
    const { stdout, status } = spawnSync('/bin/sh', ['-c', scripts.setup!], {
      cwd: clone,
      env: { PATH: `${clone}/bin:/usr/bin:/bin`, NODE_ENV: 'production' },
      encoding: 'utf8',
    });
    expect(status).toBe(0);
    return stdout;
  }

  it('is all that a build needs, whatever NODE_ENV says', () => {
    expect(setUp()).toMatch(/^ci --include=dev /);
  });

  it('is nothing where an install is whole and new', () => {
    write('node_modules/.bin/tsc');
    write('node_modules/.package-lock.json', '{}', 2000);
    expect(setUp()).toBe('');
  });

  it('is everything again where the compiler is missing', () => {
    write('node_modules/.package-lock.json', '{}', 2000);
    expect(setUp()).toMatch(/^ci --include=dev /);
  });

  it('is everything again where the lock file is newer', () => {
    write('node_modules/.bin/tsc');
    write('node_modules/.package-lock.json', '{}', 500);
    expect(setUp()).toMatch(/^ci --include=dev /);
  });
});

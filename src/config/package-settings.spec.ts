import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faultsOf } from '../../test/support/config.js';
import { loadConfig } from './load-config.js';

describe('the settings of packages', () => {
  let home: string;
  beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'fermilink-settings-'))));
  afterEach(() => rmSync(home, { recursive: true, force: true }));
  const settings = (env: Record<string, string> = {}) =>
    loadConfig({ FERMILINK_HOME: home, ...env }).packages;

  it('allow the managed storage alone, unless something is said', () => {
    expect(settings().paths).toEqual([join(home, 'scientific_packages', 'packages')]);
    const root = settings({ FERMILINK_SCIPKG_ROOT: join(home, 'p') });
    expect(root.paths).toEqual([join(home, 'p', 'packages')]);
    expect(settings({ FERMILINK_PACKAGE_PATHS: '/a, /b/../c:/d,' }).paths).toEqual([
      '/a',
      '/c',
      '/d',
    ]);
  });

  it.each(['a', '/a,b', ',', '../x', '/a:./b'])('refuse %p as folders', (paths) => {
    expect(faultsOf({ FERMILINK_HOME: home, FERMILINK_PACKAGE_PATHS: paths })).toEqual([
      `FERMILINK_PACKAGE_PATHS is ${JSON.stringify(paths)}, but it must be absolute folders, separated by commas or colons.`,
    ]);
  });

  it.each([
    ['FERMILINK_RUNNER_MAX_PACKAGE_BYTES', '10'],
    ['FERMILINK_RUNNER_MAX_PACKAGE_UNPACKED_BYTES', '1 GB'],
    ['FERMILINK_RUNNER_MAX_PACKAGE_ENTRIES', '0'],
    ['FERMILINK_RUNNER_MAX_PACKAGE_RATIO', '-1'],
    ['FERMILINK_RUNNER_UPLOAD_IDLE_SECONDS', '0'],
  ])('refuse %s=%s', (name, value) => {
    expect(faultsOf({ FERMILINK_HOME: home, [name]: value })).toEqual([
      expect.stringContaining(`${name} is ${JSON.stringify(value)}, but it must be a whole number`),
    ]);
  });
});

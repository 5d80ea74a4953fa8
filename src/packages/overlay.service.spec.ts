import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PackagesFixture } from '../../test/support/packages.js';
import type { InstalledPackage } from './package-types.js';

describe('an overlay', () => {
  let fixture: PackagesFixture;
  beforeEach(async () => {
    fixture = await new PackagesFixture().openSession();
  });
  afterEach(() => fixture.dispose());

  const apply = (pkg: InstalledPackage, freshRepo = false) =>
    fixture.overlays().apply({ repo: fixture.repo, workspace: fixture.workspace, pkg, freshRepo });
  const inRepo = (...path: string[]) => join(fixture.repoPath, ...path);
  const linkAt = (...path: string[]) => readlinkSync(inRepo(...path));
  const pinned = () => fixture.overlays().pinnedPackageId(fixture.workspace);

  it('links every exportable entry, and says so in manifest and summary', async () => {
    const tool = await fixture.install('tool', ['README.md', 'src/deep.py', 'données/x']);
    expect(await pinned()).toBeNull();
    const summary = await apply(tool);
    const entries = ['README.md', 'données', 'src'];
    expect(fixture.inRepo()).toEqual(entries);
    for (const name of entries) expect(linkAt(name)).toBe(join(tool.path, name));
    expect(summary).toEqual({
      package_id: 'tool',
      package_path: tool.path,
      linked_count: 3,
      collision_count: 0,
      collisions: [],
      requested_entries: [],
      missing_requested_entries: [],
      dependency_package_ids: [],
      linked_dependency_count: 0,
      linked_dependency_packages: [],
      missing_dependency_packages: [],
      dependency_collision_count: 0,
      dependency_collisions: [],
    });
    expect(fixture.manifest()).toEqual({
      version: 1,
      package_id: 'tool',
      package_path: tool.path,
      requested_entries: [],
      missing_requested_entries: [],
      linked_entries: entries.map((name) => ({
        name,
        mode: 'symlink',
        source: join(tool.path, name),
      })),
      collisions: [],
      configured_dependency_package_ids: [],
      linked_dependency_packages: [],
      missing_dependency_packages: [],
      dependency_collisions: [],
      updated_at: expect.stringMatching(/Z$/),
    });
    expect(await pinned()).toBe('tool');
  });

  it('leaves out a name that is no text, and calls it missing where it is asked for', async () => {
    const tool = await fixture.install('tool', ['a']);
    writeFileSync(Buffer.from(`${tool.path}/caf\xe9.txt`, 'latin1'), '');
    expect(await apply(tool)).toMatchObject({ linked_count: 1, collisions: [] });
    const asked = { ...tool, overlayEntries: ['a', 'caf\ufffd.txt'] };
    expect((await apply(asked)).missing_requested_entries).toEqual(['caf\ufffd.txt']);
    expect(fixture.inRepo()).toEqual(['a']);
  });

  it('never links what belongs to the session, nor caches, nor what is hidden', async () => {
    const reserved = ['AGENTS.md', 'agents.MD', 'Claude.md', 'GEMINI.md', 'gemini.md'];
    const folders = ['projects/x', 'Outputs/x', 'OUTPUTS/x', 'External_Packages/x'];
    const unwanted = ['.git/config', '.env', '__pycache__/x', 'node_modules/x'];
    const tool = await fixture.install('tool', ['a', ...reserved, ...folders, ...unwanted]);
    expect((await apply(tool, true)).linked_count).toBe(1);
    expect(fixture.inRepo()).toEqual(['a']);
    const all = [...reserved, 'projects', 'OUTPUTS', '.git', 'node_modules', '../a', 'a'];
    const summary = await apply({ ...tool, overlayEntries: all }, true);
    expect(summary.missing_requested_entries).toEqual(all.slice(0, -1));
    expect(fixture.inRepo()).toEqual(['a']);
  });

  it('links nothing in the place of a name that is kept free', async () => {
    const tool = await fixture.install('tool', ['ACME.md', 'src/deep.py']);
    const { repo, workspace } = fixture;
    const reserved = new Set(['ACME.md']);
    const request = { repo, workspace, pkg: tool, freshRepo: true, reserved };
    expect((await fixture.overlays().apply(request)).linked_count).toBe(1);
    expect(fixture.inRepo()).toEqual(['src']);
  });

  it('links only the entries asked for, and says which there are not', async () => {
    const tool = await fixture.install('tool', ['a', 'b', 'c']);
    const summary = await apply({ ...tool, overlayEntries: ['c', 'x', 'a', 'c'] });
    expect(summary).toMatchObject({
      linked_count: 2,
      requested_entries: ['c', 'x', 'a', 'c'],
      missing_requested_entries: ['x'],
    });
    expect(fixture.inRepo()).toEqual(['a', 'c']);
  });

  it('reads the registry once, however many dependencies there are', async () => {
    const ids = ['a', 'b', 'c'];
    for (const id of ids) await fixture.install(id, ['x']);
    const tool = await fixture.install('tool', ['x'], ids);
    const read = jest.spyOn(fixture.registry, 'read');
    expect(await apply(tool)).toMatchObject({ linked_dependency_count: 3 });
    expect(read).toHaveBeenCalledTimes(1);
  });

  it('links dependencies whole, and says which there are not', async () => {
    const lib = await fixture.install('lib', ['AGENTS.md', 'x']);
    const gone = await fixture.install('gone', []);
    const tool = await fixture.install('tool', ['a'], ['lib', 'gone']);
    rmSync(gone.path, { recursive: true });
    const summary = await apply({ ...tool, dependencyIds: ['lib', 'gone', 'never'] });
    expect(linkAt('external_packages', 'lib')).toBe(lib.path);
    expect(summary).toMatchObject({
      dependency_package_ids: ['lib', 'gone', 'never'],
      linked_dependency_count: 1,
      linked_dependency_packages: [{ package_id: 'lib', mode: 'symlink', source: lib.path }],
      missing_dependency_packages: ['gone', 'never'],
      dependency_collisions: [],
    });
    expect(fixture.manifest()).toMatchObject({
      configured_dependency_package_ids: ['lib', 'gone', 'never'],
      linked_dependency_packages: [{ package_id: 'lib', mode: 'symlink', source: lib.path }],
      missing_dependency_packages: ['gone', 'never'],
    });
  });

  it('keeps and reports what exists already', async () => {
    const tool = await fixture.install('tool', ['a', 'b', 'c', 'd'], []);
    await fixture.install('lib', []);
    writeFileSync(inRepo('a'), 'mine');
    mkdirSync(inRepo('b'));
    symlinkSync('/etc', inRepo('c'));
    mkdirSync(inRepo('external_packages/lib'), { recursive: true });
    const summary = await apply({ ...tool, dependencyIds: ['lib'] });
    expect(summary).toMatchObject({
      linked_count: 1,
      collision_count: 3,
      collisions: ['a', 'b', 'c'],
      linked_dependency_count: 0,
      dependency_collision_count: 1,
      dependency_collisions: ['lib'],
    });
    expect(readFileSync(inRepo('a'), 'utf8')).toBe('mine');
    expect([lstatSync(inRepo('b')).isDirectory(), linkAt('c')]).toEqual([true, '/etc']);
    expect(lstatSync(inRepo('external_packages/lib')).isDirectory()).toBe(true);
    expect(fixture.manifest().linked_entries).toHaveLength(1);
  });

  it('replaces what the template brought into a repo of this very run', async () => {
    const tool = await fixture.install('tool', ['a', 'b', 'c']);
    const lib = await fixture.install('lib', []);
    writeFileSync(inRepo('a'), 'template');
    mkdirSync(inRepo('b/deep/er'), { recursive: true });
    const outside = fixture.folder('outside', ['kept']);
    symlinkSync(outside, inRepo('c'));
    mkdirSync(inRepo('external_packages/lib/x'), { recursive: true });
    const summary = await apply({ ...tool, dependencyIds: ['lib'] }, true);
    expect(summary).toMatchObject({ linked_count: 3, collisions: [], dependency_collisions: [] });
    for (const name of ['a', 'b', 'c']) expect(linkAt(name)).toBe(join(tool.path, name));
    expect(linkAt('external_packages', 'lib')).toBe(lib.path);
    expect(existsSync(join(outside, 'kept'))).toBe(true);
  });

  it('of another package takes the place of the old one', async () => {
    await fixture.install('lib', []);
    await fixture.install('other', []);
    const old = await fixture.install('old', ['same', 'only-old'], ['lib', 'other']);
    const next = await fixture.install('next', ['same', 'only-next'], ['other']);
    await apply(old);
    writeFileSync(inRepo('mine'), 'mine');
    const summary = await apply(next);
    expect(fixture.inRepo()).toEqual(['external_packages', 'mine', 'only-next', 'same']);
    expect(linkAt('same')).toBe(join(next.path, 'same'));
    expect(existsSync(inRepo('external_packages/lib'))).toBe(false);
    expect(summary).toMatchObject({ package_id: 'next', linked_count: 2, collision_count: 0 });
    expect(await pinned()).toBe('next');
    expect(existsSync(join(old.path, 'only-old'))).toBe(true);
  });

  it('of the same package removes only what is no longer wanted', async () => {
    await fixture.install('lib', []);
    const tool = await fixture.install('tool', ['a', 'b'], ['lib']);
    await apply(tool);
    const { ino } = lstatSync(inRepo('a'));
    await apply({ ...tool, overlayEntries: ['a'], dependencyIds: [] });
    expect(fixture.inRepo()).toEqual(['a']);
    expect(lstatSync(inRepo('a')).ino).toBe(ino);
    unlinkSync(join(tool.path, 'a'));
    await apply(tool);
    expect(fixture.inRepo()).toEqual(['b', 'external_packages']);
  });

  it('follows a package that was installed anew somewhere else', async () => {
    const tool = await fixture.install('tool', ['a']);
    await apply(tool);
    const path = fixture.folder('newer', ['a']);
    expect(await apply({ ...tool, path })).toMatchObject({ linked_count: 1, collision_count: 0 });
    expect(linkAt('a')).toBe(join(path, 'a'));
  });

  it('writes no manifest where nothing has changed', async () => {
    const tool = await fixture.install('tool', ['a', 'b'], []);
    writeFileSync(inRepo('b'), 'mine');
    const first = await apply(tool);
    const { ino } = statSync(fixture.manifestFile);
    expect(await apply(tool)).toEqual(first);
    expect(statSync(fixture.manifestFile).ino).toBe(ino);
  });

  it('puts back a link that was deleted, and leaves what took its place', async () => {
    const tool = await fixture.install('tool', ['a', 'b']);
    await apply(tool);
    unlinkSync(inRepo('a'));
    unlinkSync(inRepo('b'));
    writeFileSync(inRepo('b'), 'mine');
    expect(await apply(tool)).toMatchObject({ linked_count: 1, collisions: ['b'] });
    expect(linkAt('a')).toBe(join(tool.path, 'a'));
    expect(readFileSync(inRepo('b'), 'utf8')).toBe('mine');
  });

  it('removes an empty folder for dependencies, and leaves one that is in use', async () => {
    const tool = await fixture.install('tool', ['a']);
    mkdirSync(inRepo('external_packages'));
    await apply(tool);
    expect(fixture.inRepo()).toEqual(['a']);
    mkdirSync(inRepo('external_packages/mine'), { recursive: true });
    await apply(tool);
    expect(fixture.inRepo()).toEqual(['a', 'external_packages']);
  });

  it('is refused where the folder of the package is gone', async () => {
    const tool = await fixture.install('tool', ['a']);
    await apply(tool);
    rmSync(tool.path, { recursive: true });
    await expect(apply(tool)).rejects.toMatchObject({
      code: 'overlay_refused',
      detail: expect.not.stringContaining(fixture.base),
    });
    // Nothing was taken away for it.
    expect([fixture.inRepo(), await pinned()]).toEqual([['a'], 'tool']);
  });

  it('links a package of thousands of entries without opening them', async () => {
    const files = Array.from({ length: 2000 }, (_, index) => `entry-${index}`);
    const tool = await fixture.install('tool', files);
    expect((await apply(tool)).linked_count).toBe(2000);
    expect((await apply({ ...tool, overlayEntries: ['entry-7'] })).linked_count).toBe(1);
    expect(fixture.inRepo()).toEqual(['entry-7']);
  });
});

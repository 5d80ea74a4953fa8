import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { PackagesFixture } from '../../test/support/packages.js';
import type { PackagesService } from './packages.service.js';

describe('the operations on packages', () => {
  let fixture: PackagesFixture;
  let service: PackagesService;
  beforeEach(() => {
    fixture = new PackagesFixture();
    service = fixture.service;
  });
  afterEach(() => fixture.dispose());

  const active = async () => (await service.list()).activePackageId;
  const managed = (id: string, files = ['code.py']) =>
    fixture.folder(`scientific/packages/${id}`, files);

  it('register folders; the first becomes active', async () => {
    const path = fixture.folder('p');
    const meta = await service.register({ id: 'My Tool', path, title: 'T', source: 'git:x' });
    await service.register({ id: 'other', path });
    expect(meta).toMatchObject({
      id: 'my-tool',
      title: 'T',
      installed_path: path,
      source: 'git:x',
      status: 'installed',
    });
    expect([...(await service.list()).packages.keys()]).toEqual(['my-tool', 'other']);
    expect(await active()).toBe('my-tool');
  });

  it('register a known id anew without losing what else is known of it', async () => {
    await fixture.install('tool', []);
    await service.setOverlayEntries('tool', ['docs']);
    const path = fixture.folder('newer');
    const before = (await service.list()).packages.get('tool');
    expect(await service.register({ id: 'TOOL', path })).toMatchObject({
      installed_path: path,
      overlay_entries: ['docs'],
      installed_at: before?.installed_at,
    });
  });

  it.each(['missing', 'file'])('refuse to register a path that is %s', async (name) => {
    const base = fixture.folder('.', ['file']);
    await expect(service.register({ id: 'a', path: join(base, name) })).rejects.toMatchObject({
      code: 'package_invalid',
    });
    expect(existsSync(fixture.registryFile)).toBe(false);
  });

  it('say which package there is not', async () => {
    const error = { code: 'package_not_found', detail: 'Package not found: No Such' };
    await fixture.install('a', []);
    await expect(service.activate('No Such')).rejects.toMatchObject(error);
    await expect(service.delete('No Such')).rejects.toMatchObject(error);
    await expect(service.setOverlayEntries('No Such', [])).rejects.toMatchObject(error);
    await expect(service.setDependencies('No Such', [])).rejects.toMatchObject(error);
    await expect(service.setDependencies('a', ['No Such'])).rejects.toMatchObject(error);
    await expect(service.activate(' ')).rejects.toMatchObject({ code: 'package_not_found' });
  });

  it('activate', async () => {
    await fixture.install('a', []);
    await fixture.install('b', []);
    await service.activate(' B ');
    expect(await active()).toBe('b');
  });

  it.each([
    ['.', 'is not a name'],
    ['..', 'is not a name'],
    ['a/b', 'separators'],
    ['a\\b', 'separators'],
    ['.git', 'hidden'],
    ['agents.MD', 'reserved'],
    ['Claude.md', 'reserved'],
    ['GEMINI.md', 'reserved'],
    ['Projects', 'reserved'],
    ['OUTPUTS', 'reserved'],
    ['external_packages', 'reserved'],
  ])('refuse the overlay entry %j', async (name, reason) => {
    await fixture.install('a', []);
    await expect(service.setOverlayEntries('a', ['ok', name])).rejects.toMatchObject({
      code: 'package_invalid',
      detail: expect.stringContaining(reason),
    });
    expect((await service.list()).packages.get('a')).not.toHaveProperty('overlay_entries');
  });

  it('set overlay entries, and take them back', async () => {
    await fixture.install('a', []);
    await service.setOverlayEntries('a', [' docs ', 'code', 'docs']);
    expect((await service.list()).packages.get('a')?.overlay_entries).toEqual(['docs', 'code']);
    await service.setOverlayEntries('a', []);
    expect((await service.list()).packages.get('a')).not.toHaveProperty('overlay_entries');
  });

  it('set dependencies, once each and never the package itself', async () => {
    for (const id of ['a', 'b', 'c']) await fixture.install(id, []);
    await service.setDependencies('a', ['B', 'a', 'c', 'b']);
    expect((await service.list()).packages.get('a')?.dependency_package_ids).toEqual(['b', 'c']);
  });

  it('delete the files of managed storage; the first id in order becomes active', async () => {
    const path = managed('gone', ['deep/er/code.py']);
    await service.register({ id: 'gone', path });
    for (const id of ['z', 'b', 'y']) await fixture.install(id, []);
    expect(await service.delete('Gone')).toEqual({
      id: 'gone',
      filesRemoved: true,
      reason: null,
      activePackageId: 'b',
    });
    expect(existsSync(path)).toBe(false);
    expect([...(await service.list()).packages.keys()].sort()).toEqual(['b', 'y', 'z']);
    for (const id of ['z', 'b', 'y']) await service.delete(id);
    expect(await active()).toBeNull();
  });

  it.each([
    ['a folder elsewhere', () => fixture.folder('elsewhere', ['kept'])],
    ['the managed storage itself', () => join(managed('x', ['kept']), '..')],
    ['the managed storage with a slash', () => `${join(managed('x', ['kept']), '..')}/`],
    ['the root', () => `${managed('x', ['kept'])}/../..`],
    ['a folder beside it of like name', () => fixture.folder('scientific/packages-old', ['kept'])],
    [
      'a way out through a link',
      () => {
        fixture.folder('elsewhere/inner', ['kept']);
        symlinkSync(join(fixture.base, 'elsewhere'), join(managed('x', ['kept']), 'link'));
        return join(fixture.root, 'packages/x/link/inner');
      },
    ],
  ])('delete no files of %s', async (_, make) => {
    managed('other', ['kept']);
    const path = make();
    fixture.writeRegistry({ packages: { a: { installed_path: path } } });
    const before = readdirSync(fixture.base, { recursive: true }).length;
    expect(await service.delete('a')).toMatchObject({
      filesRemoved: false,
      reason: expect.stringContaining('outside'),
    });
    // Only the lock has come.
    expect(readdirSync(fixture.base, { recursive: true }).length).toBe(before + 1);
  });

  it.each([
    ['in the same folder', '.'],
    ['inside it', 'inner'],
    ['around it', '..'],
  ])('delete no files that another package has %s', async (_, where) => {
    const path = managed('group/a', ['inner/code.py']);
    const other = join(path, where);
    fixture.writeRegistry({
      packages: { a: { installed_path: path }, b: { installed_path: other } },
    });
    expect(await service.delete('a')).toMatchObject({
      filesRemoved: false,
      reason: expect.stringContaining('another package'),
    });
    expect(existsSync(join(path, 'inner/code.py'))).toBe(true);
  });

  it('delete no files that another package reaches by a link', async () => {
    const path = managed('a');
    symlinkSync(path, join(fixture.base, 'alias'));
    fixture.writeRegistry({
      packages: { a: { installed_path: path }, b: { installed_path: join(fixture.base, 'alias') } },
    });
    expect(await service.delete('a')).toMatchObject({ filesRemoved: false });
    expect(existsSync(join(path, 'code.py'))).toBe(true);
  });

  it('delete a link in managed storage, not what it points to', async () => {
    const target = fixture.folder('elsewhere', ['kept']);
    mkdirSync(join(fixture.root, 'packages'), { recursive: true });
    const path = join(fixture.root, 'packages', 'a');
    symlinkSync(target, path);
    await service.register({ id: 'a', path });
    expect(await service.delete('a')).toMatchObject({
      filesRemoved: false,
      reason: expect.stringContaining('link'),
    });
    expect([existsSync(path), existsSync(join(target, 'kept'))]).toEqual([false, true]);
  });

  it.each([undefined, 5, 'relative', '/tmp\0/x'])(
    'delete an entry with the path %j',
    async (path) => {
      managed('other', ['kept']);
      fixture.writeRegistry({ packages: { a: { installed_path: path } } });
      expect(await service.delete('a')).toMatchObject({ filesRemoved: false });
      expect((await service.list()).packages.size).toBe(0);
    },
  );

  it('delete an entry whose folder is gone already', async () => {
    const path = managed('a');
    await service.register({ id: 'a', path });
    rmSync(path, { recursive: true });
    expect(await service.delete('a')).toMatchObject({
      filesRemoved: false,
      reason: expect.any(String),
    });
  });
});

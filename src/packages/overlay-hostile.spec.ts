import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { PackagesFixture } from '../../test/support/packages.js';
import { entryNameFault } from './overlay-names.js';
import type { InstalledPackage } from './package-types.js';

describe('an overlay in a hostile session', () => {
  let fixture: PackagesFixture;
  let outside: string;
  let tool: InstalledPackage;
  let lib: InstalledPackage;
  beforeEach(async () => {
    fixture = await new PackagesFixture().openSession();
    outside = fixture.folder('outside', ['kept', 'lib/kept', 'a']);
    lib = await fixture.install('lib', ['x']);
    tool = await fixture.install('tool', ['a', 'b'], ['lib']);
  });
  afterEach(async () => {
    expect(readdirSync(outside, { recursive: true }).sort()).toEqual([
      'a',
      'kept',
      'lib',
      'lib/kept',
    ]);
    expect(readdirSync(tool.path).sort()).toEqual(['a', 'b']);
    expect(readdirSync(lib.path)).toEqual(['x']);
    await fixture.dispose();
  });

  const apply = (pkg = tool, freshRepo = false) =>
    fixture.overlays().apply({ repo: fixture.repo, workspace: fixture.workspace, pkg, freshRepo });
  const bare = () => ({ ...tool, overlayEntries: ['none'], dependencyIds: [] });
  const inRepo = (...path: string[]) => join(fixture.repoPath, ...path);
  const kind = (path: string) => lstatSync(path).mode & 0o170000;

  const plants: [string, (path: string) => unknown][] = [
    ['a link to a folder outside', (path) => symlinkSync(outside, path)],
    ['a link to a file outside', (path) => symlinkSync(join(outside, 'kept'), path)],
    ['a link to nothing', (path) => symlinkSync('/nowhere/at/all', path)],
    ['a link to itself', (path) => symlinkSync(path, path)],
    ['a FIFO', (path) => execFileSync('mkfifo', [path])],
    ['a socket', plantSocket],
    ['a file', (path) => writeFileSync(path, 'mine')],
    ['a folder', (path) => (mkdirSync(path), writeFileSync(join(path, 'mine'), 'mine'))],
  ];

  it.each(plants)('leaves %s at an entry and reports it', async (_, plant) => {
    await plant(inRepo('a'));
    const before = kind(inRepo('a'));
    expect(await apply()).toMatchObject({ linked_count: 1, collisions: ['a'] });
    expect(kind(inRepo('a'))).toBe(before);
    // Also where it has taken the place of a link of ours that is no longer wanted.
    rmSync(inRepo('b'));
    await plant(inRepo('b'));
    expect((await apply(bare())).collisions).toEqual(['b']);
    expect(kind(inRepo('b'))).toBe(before);
  });

  it.each(plants)('replaces %s at an entry of a fresh repo', async (_, plant) => {
    await plant(inRepo('a'));
    expect(await apply(tool, true)).toMatchObject({ linked_count: 2, collisions: [] });
    expect(readlinkSync(inRepo('a'))).toBe(join(tool.path, 'a'));
  });

  it.each(plants.slice(0, -1))('does not go into %s for dependencies', async (_, plant) => {
    await plant(inRepo('external_packages'));
    const before = kind(inRepo('external_packages'));
    for (const fresh of [false, true]) {
      expect(await apply(tool, fresh)).toMatchObject({
        linked_count: 2,
        linked_dependency_count: 0,
        dependency_collisions: ['lib'],
      });
    }
    fixture.writeManifest({
      linked_dependency_packages: [{ package_id: 'lib', mode: 'symlink', source: 'x' }],
    });
    expect((await apply(bare())).dependency_collisions).toEqual(['lib']);
    expect(kind(inRepo('external_packages'))).toBe(before);
  });

  it.each(plants)('leaves %s at the place of a dependency', async (_, plant) => {
    mkdirSync(inRepo('external_packages'));
    await plant(inRepo('external_packages', 'lib'));
    const before = kind(inRepo('external_packages', 'lib'));
    expect(await apply()).toMatchObject({ dependency_collisions: ['lib'] });
    expect(kind(inRepo('external_packages', 'lib'))).toBe(before);
  });

  it.each(plants)('takes %s for no manifest, and replaces it', async (_, plant) => {
    await plant(fixture.manifestFile);
    expect(await fixture.overlays().pinnedPackageId(fixture.workspace)).toBeNull();
    await apply();
    expect(lstatSync(fixture.manifestFile).isFile()).toBe(true);
    expect(fixture.manifest().package_id).toBe('tool');
  });

  const wrong: [string, unknown][] = [
    ['no JSON', '{"package_id": "tool"'],
    ['a list', []],
    ['null', 'null'],
    ['wrong types', { package_id: 7, linked_entries: { a: 1 }, linked_dependency_packages: 'x' }],
    ['wrong records', { linked_entries: [null, 1, 'a', [], {}, { name: 'a' }, { name: 1 }] }],
    ['prototypes', '{"__proto__": {"linked_entries": [{"name": "b"}]}, "constructor": 1}'],
    ['too much', `{"package_id": "tool"${' '.repeat(4 * 1024 * 1024)}}`],
  ];
  it.each(wrong)('takes no harm from a manifest with %s', async (_, content) => {
    fixture.writeManifest(content);
    expect(await fixture.overlays().pinnedPackageId(fixture.workspace)).toBeNull();
    expect(await apply()).toMatchObject({ linked_count: 2, collisions: [] });
    expect(fixture.manifest().linked_entries).toHaveLength(2);
  });

  it('takes no harm from a manifest that is nested very deeply', async () => {
    const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000);
    for (const member of ['collisions', 'linked_entries', 'updated_at', 'package_id']) {
      fixture.writeManifest(`{"package_id": "tool", "${member}": ${deep}}`);
      expect(await apply()).toMatchObject({ linked_count: 2, collisions: [] });
    }
  });

  const names = ['..', '.', '', '../outside/kept', '/etc', 'x/../../outside', 'a\0b', '.git'];
  it.each([...names, 'AGENTS.md', 'Projects', 'outputs', 'external_packages', 'n'.repeat(300)])(
    'removes nothing for a forged record of %j, and reports it',
    async (name) => {
      const target = join(outside, 'kept');
      for (const folder of ['projects', 'Projects', 'outputs', '.git']) {
        mkdirSync(inRepo(folder));
      }
      symlinkSync(target, inRepo('AGENTS.md'));
      mkdirSync(inRepo('external_packages/.git'), { recursive: true });
      const before = readdirSync(fixture.repoPath, { recursive: true }).sort();
      for (const mode of ['symlink', 'copy']) {
        fixture.writeManifest({
          package_id: 'old',
          linked_entries: [{ name, mode, source: target }],
          linked_dependency_packages: [{ package_id: name, mode, source: target }],
        });
        const summary = await apply(bare());
        expect(summary.collisions).toEqual([name.slice(0, 100)]);
        // As an id, the name of a folder of the session is a good one; there is just nothing there.
        const isId = name === 'outputs' || name === 'external_packages';
        expect(summary.dependency_collisions).toEqual(isId ? [] : [name.slice(0, 100)]);
        expect(readdirSync(fixture.repoPath, { recursive: true }).sort()).toEqual(before);
      }
    },
  );

  it('removes only a link with just the recorded source', async () => {
    symlinkSync(outside, inRepo('one'));
    symlinkSync(outside, inRepo('two'));
    mkdirSync(inRepo('three'));
    fixture.writeManifest({
      linked_entries: [
        { name: 'one', mode: 'symlink', source: `${outside}/` },
        { name: 'two', mode: 'symlink', source: outside },
        { name: 'three', mode: 'symlink', source: outside },
        { name: 'four', mode: 'symlink', source: outside },
      ],
    });
    expect((await apply(bare())).collisions).toEqual(['one', 'three']);
    expect(fixture.inRepo()).toEqual(['one', 'three']);
  });

  it.each([
    ['no identity', () => undefined],
    ['a wrong one', () => '1:2:3'],
    [
      'that of another',
      () => `${lstatSync(outside).dev}:${lstatSync(outside).ino}:${lstatSync(outside).birthtimeMs}`,
    ],
  ])('removes no folder for a recorded copy with %s', async (_, identity) => {
    mkdirSync(inRepo('data'));
    fixture.writeManifest({
      linked_entries: [{ name: 'data', mode: 'copy', source: outside, identity: identity() }],
    });
    expect((await apply(bare())).collisions).toEqual(['data']);
    expect(fixture.inRepo()).toEqual(['data']);
  });

  it('brings nothing of a forged record into manifest or summary but what it needs', async () => {
    await apply();
    const forged = fixture.manifest();
    for (const entry of forged.linked_entries) entry.note = 'forged';
    fixture.writeManifest({ ...forged, note: 'forged' });
    const summary = await apply();
    expect(JSON.stringify([fixture.manifest(), summary])).not.toContain('forged');
  });

  it('bounds what it reports of forged names', async () => {
    const linked_entries = Array.from({ length: 5000 }, (_, index) => ({
      name: `.${index}${'x'.repeat(500)}`,
      mode: 'symlink',
      source: 's',
    }));
    fixture.writeManifest({ linked_entries });
    const { collisions } = await apply();
    expect(JSON.stringify(collisions).length).toBeLessThan(20_000);
  });

  it('stays in the repo that was opened, whatever its path leads to later', async () => {
    renameSync(fixture.repoPath, join(fixture.base, 'moved'));
    symlinkSync(outside, fixture.repoPath);
    expect(await apply(tool, true)).toMatchObject({ linked_count: 2 });
    expect(readdirSync(join(fixture.base, 'moved')).sort()).toEqual([
      'a',
      'b',
      'external_packages',
    ]);
  });

  it('changes nothing that is not named in the package or a matching record', async () => {
    const name = fc.oneof(
      fc.constantFrom('a', 'b', 'mine', 'link', 'lib', '..', 'projects', 'A'),
      fc.string({ unit: 'binary', maxLength: 6 }),
    );
    const record = fc.record({
      name: fc.oneof(name, fc.jsonValue()),
      package_id: fc.oneof(name, fc.jsonValue()),
      mode: fc.constantFrom('symlink', 'copy', 'other'),
      source: fc.constantFrom(outside, join(outside, 'kept'), '/', tool.path, '../outside'),
      identity: fc.constantFrom(undefined, '1:2', 3),
    });
    const list = fc.oneof(fc.array(record, { maxLength: 6 }), fc.jsonValue());
    await fc.assert(
      fc.asyncProperty(list, list, fc.boolean(), async (entries, dependencies, all) => {
        rmSync(inRepo('link'), { force: true });
        mkdirSync(inRepo('projects'), { recursive: true });
        writeFileSync(inRepo('mine'), 'mine');
        symlinkSync('../elsewhere', inRepo('link'));
        fixture.writeManifest({
          linked_entries: entries,
          linked_dependency_packages: dependencies,
        });
        const summary = await apply(all ? tool : bare());
        expect(fixture.inRepo()).toEqual(
          all
            ? ['a', 'b', 'external_packages', 'link', 'mine', 'projects']
            : expect.arrayContaining(['link', 'mine', 'projects']),
        );
        expect(readFileSync(inRepo('mine'), 'utf8')).toBe('mine');
        expect(summary.linked_count).toBe(all ? 2 : 0);
        for (const it of fixture.manifest().linked_entries) {
          expect(entryNameFault(it.name as string)).toBeNull();
        }
      }),
      { numRuns: 60 },
    );
  });
});

/** Leaves the file of a socket that nobody listens on; the path may be too long for one. */
async function plantSocket(path: string): Promise<void> {
  const short = join(dirname(dirname(dirname(path))), 'socket');
  const server = createServer().listen(short);
  await once(server, 'listening');
  renameSync(short, path);
  server.close();
  await once(server, 'close');
  expect(existsSync(path)).toBe(true);
}

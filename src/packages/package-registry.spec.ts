import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { compileSource } from '../../test/support/compiled-source.js';
import { PackagesFixture } from '../../test/support/packages.js';
import { childrenWith, eventually } from '../../test/support/processes.js';
import { PackageRegistry } from './package-registry.js';

describe('the registry of packages', () => {
  let fixture: PackagesFixture;
  let registry: PackageRegistry;
  beforeEach(() => {
    fixture = new PackagesFixture();
    registry = fixture.registry;
  });
  afterEach(() => fixture.dispose());

  const meta = (id: string) => ({ id, installed_path: `/packages/${id}` });

  it('reads as empty where there is no file', async () => {
    const { activePackageId, packages } = await registry.read();
    expect([activePackageId, packages.size]).toEqual([null, 0]);
    expect(existsSync(fixture.root)).toBe(false);
  });

  const broken: [string, string | Buffer][] = [
    ['nothing', ''],
    ['half of it', '{"version": 1, "packages": {'],
    ['a list', '[]'],
    ['null', 'null'],
    ['packages as a list', '{"packages": [{"id": "a"}]}'],
    ['packages as text', '{"packages": "a"}'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['too much', Buffer.alloc(16 * 1024 * 1024 + 1, ' ')],
  ];
  it.each(broken)('that holds %s reads as empty and is never overwritten', async (_, content) => {
    mkdirSync(fixture.root);
    writeFileSync(fixture.registryFile, content);
    expect((await registry.read()).packages.size).toBe(0);
    const change = jest.fn();
    await expect(registry.mutate(change)).rejects.toMatchObject({ code: 'registry_unreadable' });
    expect(change).not.toHaveBeenCalled();
    expect(readFileSync(fixture.registryFile).equals(Buffer.from(content))).toBe(true);
  });

  it.each([
    ['a FIFO', (path: string) => execFileSync('mkfifo', [path])],
    ['a folder', (path: string) => mkdirSync(path)],
    ['a dangling link', (path: string) => symlinkSync('nowhere.json', path)],
  ])('that is %s reads as empty and is refused', async (_, plant) => {
    mkdirSync(fixture.root);
    plant(fixture.registryFile);
    expect((await registry.read()).packages.size).toBe(0);
    await expect(registry.mutate(() => 1)).rejects.toMatchObject({ code: 'registry_unreadable' });
  });

  it('that is too deep to be written again is refused', async () => {
    const deep = `{"packages": {"a": {"x": ${'['.repeat(200_000)}${']'.repeat(200_000)}}}}`;
    fixture.writeRegistry(deep);
    await expect(registry.mutate(({ packages }) => packages.clear())).rejects.toMatchObject({
      code: 'registry_unreadable',
    });
    expect(readFileSync(fixture.registryFile, 'utf8')).toBe(deep);
  });

  it('keeps its permissions, and stays where a link leads to', async () => {
    mkdirSync(join(fixture.base, 'shared'));
    const real = join(fixture.base, 'shared', 'packages.json');
    mkdirSync(fixture.root);
    symlinkSync(real, fixture.registryFile);
    writeFileSync(real, '{"packages": {}}');
    chmodSync(real, 0o664);
    await registry.mutate(({ packages }) => packages.set('a', meta('a')));
    expect(readlinkSync(fixture.registryFile)).toBe(real);
    expect(readFileSync(real, 'utf8')).toContain('"a"');
    expect(statSync(real).mode & 0o777).toBe(0o664);
    expect(readdirSync(join(fixture.base, 'shared'))).toEqual(['packages.json']);
  });

  it('may stand in a folder that a link leads to', async () => {
    mkdirSync(join(fixture.base, 'shared'));
    symlinkSync('shared', fixture.root);
    await registry.mutate(({ packages }) => packages.set('a', meta('a')));
    expect(Object.keys(fixture.storedRegistry().packages)).toEqual(['a']);
  });

  it('normalises ids, and drops what is no package', async () => {
    fixture.writeRegistry({
      active_package: ' My Package ',
      packages: { 'My Package': { title: 'M' }, list: [], text: 'x', none: null, '---': {} },
    });
    const { activePackageId, packages } = await registry.read();
    expect(activePackageId).toBe('my-package');
    expect([...packages]).toEqual([['my-package', { title: 'M', id: 'my-package' }]]);
  });

  it.each([[['Tool', 'tool']], [['tool', 'Tool']]])(
    'takes the normal spelling among %j',
    async (ids) => {
      fixture.writeRegistry({ packages: Object.fromEntries(ids.map((id) => [id, { title: id }])) });
      expect((await registry.read()).packages.get('tool')?.title).toBe('tool');
    },
  );

  it.each(['gone', 5, { a: 1 }, ''])('reads the active package %j as none', async (active) => {
    fixture.writeRegistry({ active_package: active, packages: { a: {} } });
    expect((await registry.read()).activePackageId).toBeNull();
  });

  it('takes no harm from the names of prototypes', async () => {
    fixture.writeRegistry(
      `{"active_package": "constructor", "packages": {"__proto__": {"polluted": 1},
        "constructor": {"__proto__": {"polluted": 2}}, "toString": {}}}`,
    );
    expect((await registry.read()).packages.get('hasownproperty')).toBeUndefined();
    await registry.mutate(({ packages }) => packages.set('valueof', { id: 'valueof' }));
    const { activePackageId, packages } = await registry.read();
    expect([activePackageId, ...packages.keys()]).toEqual([
      'constructor',
      'proto',
      'constructor',
      'tostring',
      'valueof',
    ]);
    expect(packages.get('tostring')).not.toHaveProperty('polluted');
    expect({}).not.toHaveProperty('polluted');
  });

  it('keeps members that it does not know', async () => {
    fixture.writeRegistry({
      channels: ['x'],
      packages: { a: { ...meta('a'), router: { depth: 2 }, legacy: false } },
    });
    await registry.mutate(({ packages }) => packages.set('b', meta('b')));
    expect(fixture.storedRegistry()).toMatchObject({
      version: 1,
      active_package: null,
      channels: ['x'],
      packages: { a: { ...meta('a'), router: { depth: 2 }, legacy: false }, b: meta('b') },
      updated_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(readdirSync(fixture.root).sort()).toEqual(['.registry.lock', 'registry.json']);
  });

  it('is left alone by a change that fails or changes nothing', async () => {
    await registry.mutate(({ packages }) => packages.set('a', meta('a')));
    const before = readFileSync(fixture.registryFile, 'utf8');
    await expect(
      registry.mutate(({ packages }) => {
        packages.clear();
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await registry.mutate(({ packages }) => packages.size)).toBe(1);
    expect(readFileSync(fixture.registryFile, 'utf8')).toBe(before);
  });

  it('loses no change among many at once, from two registries of one folder', async () => {
    const other = new PackageRegistry(fixture.config);
    const ids = Array.from({ length: 20 }, (_, index) => `p${index}`);
    await Promise.all(
      ids.map((id, index) =>
        (index % 2 === 0 ? registry : other).mutate(async ({ packages }) => {
          await new Promise(setImmediate);
          packages.set(id, meta(id));
        }),
      ),
    );
    expect(Object.keys(fixture.storedRegistry().packages).sort()).toEqual([...ids].sort());
  });

  it('waits for another program that holds the lock, and reads what that one wrote', async () => {
    mkdirSync(fixture.root);
    const lock = join(fixture.root, '.registry.lock');
    const theirs = JSON.stringify({ packages: { theirs: { title: 'T' } } });
    const script = 'echo held; read -r go; printf %s "$1" > "$2"';
    const holder = spawn(
      'flock',
      [lock, '/bin/sh', '-c', script, 'sh', theirs, fixture.registryFile],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const exited = once(holder, 'exit');
    try {
      await once(createInterface({ input: holder.stdout }), 'line');
      let done = false;
      const change = registry
        .mutate(({ packages }) => packages.set('ours', meta('ours')))
        .finally(() => (done = true));
      // The event loop goes on while the lock is waited for, and so do reads.
      await eventually(
        () => childrenWith('--conflict-exit-code'),
        (pids) => pids.length === 1,
      );
      expect((await registry.read()).packages.size).toBe(0);
      expect([done, existsSync(fixture.registryFile)]).toEqual([false, false]);
      holder.stdin.end('go\n');
      await change;
    } finally {
      holder.kill('SIGKILL');
      await exited;
    }
    expect(Object.keys(fixture.storedRegistry().packages)).toEqual(['theirs', 'ours']);
  });

  it('holds a lock that another program cannot take meanwhile', async () => {
    const tryLock = () => {
      try {
        execFileSync('flock', ['--nonblock', join(fixture.root, '.registry.lock'), 'true']);
        return true;
      } catch {
        return false;
      }
    };
    expect(await registry.mutate(tryLock)).toBe(false);
    expect(tryLock()).toBe(true);
  });

  it('reads well whenever a server that changes it is killed', async () => {
    const source = join(fixture.base, 'source');
    compileSource(['common', 'config', 'packages'], source);
    writeFileSync(
      join(source, 'child.js'),
      `import 'reflect-metadata';
       import { PackageRegistry } from './packages/package-registry.js';
       const registry = new PackageRegistry({ scientificPackagesRoot: process.argv[2] });
       for (let n = 0; ; n += 1) {
         await registry.mutate(({ packages }) => {
           packages.set('p', { id: 'p', n, filler: 'x'.repeat(200_000 + (n % 7) * 1000) });
         });
         console.log(n);
       }`,
    );
    await registry.mutate(({ packages }) => packages.set('kept', meta('kept')));
    for (let round = 0; round < 10; round += 1) {
      const child = spawn(process.execPath, [join(source, 'child.js'), fixture.root], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(child, 'exit');
      await once(createInterface({ input: child.stdout }), 'line');
      // A random moment within one of its next changes.
      const moment = performance.now() + Math.random() * 25;
      while (performance.now() < moment) await new Promise(setImmediate);
      child.kill('SIGKILL');
      expect(await exited).toEqual([null, 'SIGKILL']);
      const { packages } = fixture.storedRegistry();
      expect(packages.kept).toEqual(meta('kept'));
      expect(packages.p.filler).toHaveLength(200_000 + (packages.p.n % 7) * 1000);
    }
    // Nobody holds the lock any more.
    await registry.mutate(({ packages }) => packages.delete('p'));
    expect(Object.keys(fixture.storedRegistry().packages)).toEqual(['kept']);
  });
});

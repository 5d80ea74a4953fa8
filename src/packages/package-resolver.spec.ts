import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PackagesFixture } from '../../test/support/packages.js';

describe('which package a run gets', () => {
  let fixture: PackagesFixture;
  const use = (settings = {}) => (fixture = new PackagesFixture(settings));
  afterEach(() => fixture.dispose());

  const chosen = async (requestedId: string | null, pinnedId: string | null) =>
    (await fixture.resolver.choose({ requestedId, pinnedId }))?.id ?? null;

  it('is the requested, the pinned, the configured, the active one, in this order', async () => {
    use({ activePackageId: 'Configured' });
    for (const id of ['active', 'configured', 'pinned', 'requested']) await fixture.install(id, []);
    expect(await chosen('Requested', 'pinned')).toBe('requested');
    expect(await chosen(null, 'pinned')).toBe('pinned');
    expect(await chosen(null, null)).toBe('configured');
    await fixture.service.delete('configured');
    expect(await chosen(null, null)).toBe('active');
    await fixture.service.delete('active');
    await fixture.service.delete('pinned');
    await fixture.service.delete('requested');
    expect(await chosen(null, 'pinned')).toBeNull();
  });

  it('passes over those that nobody requested where their folder is gone', async () => {
    use({ activePackageId: 'configured' });
    const folders = new Map<string, string>();
    for (const id of ['active', 'configured', 'pinned']) {
      folders.set(id, (await fixture.install(id, [])).path);
    }
    const seen: unknown[] = [];
    for (const id of ['pinned', 'configured', 'active']) {
      seen.push(await chosen(null, 'pinned'));
      rmSync(folders.get(id)!, { recursive: true });
    }
    expect([...seen, await chosen(null, 'pinned')]).toEqual([
      'pinned',
      'configured',
      'active',
      null,
    ]);
  });

  it.each([null, 'not json', '{"packages": {}}'])(
    'fails for an unknown requested one with the registry %j',
    async (content) => {
      use();
      if (content !== null) fixture.writeRegistry(content);
      const error = { code: 'package_not_found', detail: 'Requested package not found: No Such' };
      await expect(fixture.resolver.requireRequested('No Such')).rejects.toMatchObject(error);
      await expect(chosen('No Such', null)).rejects.toMatchObject(error);
      await expect(chosen('-/-', null)).rejects.toMatchObject({ code: 'package_not_found' });
      if (content !== null) expect(readFileSync(fixture.registryFile, 'utf8')).toBe(content);
    },
  );

  it('shortens a very long id', async () => {
    use();
    const error: unknown = await fixture.resolver
      .requireRequested(`a${'_'.repeat(500_000)}a`)
      .catch((it: unknown) => it);
    expect(error).toMatchObject({ code: 'package_not_found' });
    expect((error as Error).message.length).toBeLessThan(200);
  });

  it.each([
    ['whose folder is gone', { installed_path: '/nowhere/at/all' }],
    ['whose folder is a file', { installed_path: __filename }],
    ['with a relative path', { installed_path: 'src' }],
    ['with a NUL in its path', { installed_path: '/tmp\0' }],
    ['with a path that is no text', { installed_path: 7 }],
    ['without a path', {}],
  ])('refuses a requested one %s', async (_, meta) => {
    use();
    fixture.writeRegistry({ active_package: 'bad', packages: { bad: meta } });
    const error = { code: 'package_invalid', facts: { requested: true } };
    await expect(fixture.resolver.requireRequested('bad')).rejects.toMatchObject(error);
    await expect(chosen('bad', null)).rejects.toMatchObject(error);
    expect(await chosen(null, 'bad')).toBeNull();
  });

  it('reads entries and dependencies as lists or as text with commas', async () => {
    use();
    const path = fixture.folder('p');
    fixture.writeRegistry({
      packages: {
        list: {
          installed_path: path,
          overlay_entries: [' a ', 'b', 'a', 3, ''],
          dependency_package_ids: ['Text', 'list', '--', 'text'],
        },
        text: { installed_path: path, overlay_entries: 'a, b,,', dependency_package_ids: 'List' },
        none: { installed_path: path, overlay_entries: 4, dependency_package_ids: null },
      },
    });
    const choose = (requestedId: string) =>
      fixture.resolver.choose({ requestedId, pinnedId: null });
    const entries = ['a', 'b'];
    expect(await choose('list')).toEqual({
      id: 'list',
      path,
      overlayEntries: entries,
      dependencyIds: ['text'],
      uploaded: null,
    });
    expect(await choose('text')).toMatchObject({
      overlayEntries: entries,
      dependencyIds: ['list'],
    });
    expect(await choose('none')).toMatchObject({ overlayEntries: null, dependencyIds: [] });
  });
});

describe('the MaxwellLink folder of older installations', () => {
  let fixture: PackagesFixture;
  beforeEach(() => (fixture = new PackagesFixture()));
  afterEach(() => fixture.dispose());

  const register = () => fixture.resolver.registerLegacy();

  it('is registered, but not made the active package', async () => {
    const path = fixture.folder('maxwelllink');
    await register();
    expect(fixture.storedRegistry()).toMatchObject({
      active_package: null,
      packages: {
        'maxwelllink-local': {
          id: 'maxwelllink-local',
          title: 'MaxwellLink (local)',
          installed_path: path,
          source: `local-path:${path}`,
          legacy: true,
          installed_at: expect.any(String),
          updated_at: expect.any(String),
        },
      },
    });
    await expect(fixture.resolver.requireRequested('MaxwellLink local')).resolves.toBeUndefined();
  });

  it('leaves no trace where it does not exist, or is a file', async () => {
    await register();
    fixture.folder('.', ['maxwelllink']);
    await register();
    expect(() => statSync(fixture.root)).toThrow('ENOENT');
  });

  it('can be requested before any run has registered it', async () => {
    fixture.folder('maxwelllink');
    await expect(fixture.resolver.requireRequested('maxwelllink-local')).resolves.toBeUndefined();
  });

  it('is written only if something about it has changed, and then keeps the rest', async () => {
    fixture.folder('maxwelllink');
    await register();
    await fixture.service.setOverlayEntries('maxwelllink-local', ['docs']);
    const { ino } = statSync(fixture.registryFile);
    // While the lock is held, what has nothing to write must not ask for it.
    const holder = spawn('flock', [join(fixture.root, '.registry.lock'), 'cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = once(holder, 'exit');
    try {
      holder.stdin.write('held\n');
      await once(holder.stdout, 'data');
      await register();
    } finally {
      holder.stdin.end();
      await exited;
    }
    expect(statSync(fixture.registryFile).ino).toBe(ino);
    const stored = fixture.storedRegistry();
    stored.packages['maxwelllink-local'].title = 'Another';
    fixture.writeRegistry(stored);
    await register();
    expect(fixture.storedRegistry().packages['maxwelllink-local']).toMatchObject({
      title: 'MaxwellLink (local)',
      overlay_entries: ['docs'],
      installed_at: stored.packages['maxwelllink-local'].installed_at,
    });
  });

  it('is written once by many runs that start together', async () => {
    fixture.folder('maxwelllink');
    await Promise.all(Array.from({ length: 10 }, register));
    const { ino, mtimeMs } = statSync(fixture.registryFile);
    await Promise.all(Array.from({ length: 10 }, register));
    expect(statSync(fixture.registryFile)).toMatchObject({ ino, mtimeMs });
  });

  it('is waited for only as long as the run that needs it, whoever else waits', async () => {
    fixture.folder('maxwelllink');
    mkdirSync(fixture.root);
    const holder = spawn('flock', [join(fixture.root, '.registry.lock'), 'sh', '-c', 'echo; cat']);
    const exited = once(holder, 'exit');
    try {
      await once(holder.stdout, 'data');
      const stops = [new AbortController(), new AbortController()];
      const [impatient, behind] = [
        fixture.resolver.registerLegacy(stops[0]!.signal),
        fixture.registry.mutate(() => undefined, stops[1]!.signal),
      ];
      const patient = register();
      stops[0]!.abort(new Error('the first has gone'));
      await expect(impatient).rejects.toThrow('the first has gone');
      // Its turn has not come yet; it need not come before it is given up.
      stops[1]!.abort(new Error('the second has gone'));
      await expect(behind).rejects.toThrow('the second has gone');
      holder.stdin.end();
      await patient;
    } finally {
      holder.kill('SIGKILL');
      await exited;
    }
    expect(Object.keys(fixture.storedRegistry().packages)).toEqual(['maxwelllink-local']);
  });

  it('stops no run where the registry is broken, and leaves that alone', async () => {
    fixture.folder('maxwelllink');
    fixture.writeRegistry('{"packages": ');
    await register();
    expect(readFileSync(fixture.registryFile, 'utf8')).toBe('{"packages": ');
    await expect(fixture.resolver.requireRequested('maxwelllink-local')).rejects.toMatchObject({
      code: 'package_not_found',
    });
  });

  it.each<[string, (at: string) => void]>([
    ['a FIFO', (at) => void execFileSync('mkfifo', [at])],
    ['a folder', (at) => mkdirSync(at)],
  ])('stops no run where the lock is %s', async (_kind, plant) => {
    fixture.folder('maxwelllink');
    mkdirSync(fixture.root);
    plant(join(fixture.root, '.registry.lock'));
    await expect(register()).resolves.toBeUndefined();
    await expect(fixture.registry.mutate(() => 1)).rejects.toMatchObject({
      code: 'registry_unreadable',
      detail: expect.stringContaining('.registry.lock'),
    });
  });

  it.each(['a file', 'nothing that can be made'])(
    'stops no run where the folder of the packages is %s',
    async (kind) => {
      fixture.folder('maxwelllink');
      if (kind === 'a file') writeFileSync(fixture.root, '');
      else symlinkSync('/proc/x/y', fixture.root);
      await expect(register()).resolves.toBeUndefined();
    },
  );

  it('stops no run where the registry is too deep to be written again', async () => {
    fixture.folder('maxwelllink');
    const deep = `{"packages": {"a": {"x": ${'['.repeat(200_000)}${']'.repeat(200_000)}}}}`;
    fixture.writeRegistry(deep);
    await register();
    expect(readFileSync(fixture.registryFile, 'utf8')).toBe(deep);
  });

  it('stops no run where the registry may not be written', async () => {
    fixture.folder('maxwelllink');
    // A system folder in which even root makes nothing.
    symlinkSync('/sys/kernel', fixture.root);
    await expect(register()).resolves.toBeUndefined();
  });
});

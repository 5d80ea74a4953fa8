import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PackageServer } from '../support/package-client.js';
import { Runner, temporaryFolder } from '../support/runner.js';

describe('the routes of packages', () => {
  let server: PackageServer;
  let home: string;
  beforeAll(async () => {
    home = temporaryFolder();
    server = await PackageServer.start(
      { FERMILINK_PACKAGE_PATHS: `${join(home, 'allowed')},${home}/fermilink:${home}/all` },
      home,
    );
  });
  afterAll(() => server.stop());

  const allowed = (name: string) => server.folder(join(home, 'allowed', name));

  it('register, list, show, activate, change and delete', async () => {
    const path = allowed('one');
    const first = await server.call('POST', '/packages', { id: ' My Tool ', path, title: 'T' });
    expect([first.status, first.headers.get('location')]).toEqual([201, '/packages/my-tool']);
    expect(first.body).toEqual({
      id: 'my-tool',
      title: 'T',
      active: true,
      installed_path: path,
      source: `local-path:${path}`,
      status: 'installed',
      installed_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
      overlay_entries: null,
      dependency_package_ids: [],
      content_hash: null,
      size_bytes: null,
      entry_count: null,
    });
    await server.call('POST', '/packages', { id: 'zwei', path: allowed('two'), source: 'git:x' });
    const again = await server.call('POST', '/packages', { id: 'zwei', path: allowed('drei') });
    expect([again.status, again.headers.get('location')]).toEqual([200, null]);
    expect((await server.call('GET', '/packages/MY TOOL')).body).toEqual(first.body);

    const activated = await server.call('POST', '/packages/zwei/activate');
    expect([activated.status, activated.body.active]).toEqual([200, true]);
    const overlay = await server.call('PUT', '/packages/zwei/overlay', { entries: ['a', ' b '] });
    expect([overlay.status, overlay.body.overlay_entries]).toEqual([200, ['a', 'b']]);
    const dependencies = { package_ids: ['My Tool', 'zwei', 'my-tool'] };
    const depends = await server.call('PUT', '/packages/zwei/dependencies', dependencies);
    expect([depends.status, depends.body.dependency_package_ids]).toEqual([200, ['my-tool']]);

    const list = await server.call('GET', '/packages', undefined, 'reader');
    expect(list.body.active_package).toBe('zwei');
    expect((list.body.packages as { id: string }[]).map(({ id }) => id)).toEqual([
      'my-tool',
      'zwei',
    ]);
    const deleted = await server.call('DELETE', '/packages/zwei');
    expect([deleted.status, deleted.body]).toEqual([
      200,
      {
        id: 'zwei',
        files_removed: false,
        reason: 'Its folder lies outside the managed storage and belongs to somebody else.',
        active_package: 'my-tool',
      },
    ]);
    expect(existsSync(join(home, 'allowed', 'drei', 'solver.py'))).toBe(true);
    const managed = server.folder(join(server.storage, 'in-storage'));
    await server.call('POST', '/packages', { id: 'managed', path: managed });
    const removed = await server.call('DELETE', '/packages/managed');
    expect(removed.body).toMatchObject({ files_removed: true, reason: null });
    expect(existsSync(managed)).toBe(false);
  });

  it.each([
    ['GET', '', undefined],
    ['POST', '/activate', undefined],
    ['PUT', '/overlay', { entries: [] }],
    ['PUT', '/dependencies', { package_ids: [] }],
    ['DELETE', '', undefined],
  ])('answer 404 to %s of a package%s that there is not', async (method, rest, body: unknown) => {
    for (const id of ['no such', '-', '%00', '__proto__', 'constructor']) {
      const { status, body: problem } = await server.call(method, `/packages/${id}${rest}`, body);
      expect([status, problem.code]).toEqual([404, 'package_not_found']);
    }
  });

  it('answer 400 to a dependency that there is not, and to an entry that cannot be', async () => {
    await server.call('POST', '/packages', { id: 'base', path: allowed('base') });
    for (const [rest, body, code] of [
      ['dependencies', { package_ids: ['gone'] }, 'package_not_found'],
      ['dependencies', { package_ids: ['-'] }, 'package_invalid'],
      ['overlay', { entries: ['../x'] }, 'package_invalid'],
      ['overlay', { entries: ['AGENTS.md'] }, 'package_invalid'],
    ] as const) {
      const answer = await server.call('PUT', `/packages/base/${rest}`, body);
      expect([answer.status, answer.body.code]).toEqual([400, code]);
    }
  });

  it.each<[string, string, string, unknown, string[]]>([
    ['no body', 'POST', '', undefined, ['id', 'path']],
    ['a list', 'POST', '', [], ['body']],
    ['nothing', 'POST', '', {}, ['id', 'path']],
    [
      'types',
      'POST',
      '',
      { id: 1, path: {}, title: [], source: true },
      ['id', 'path', 'title', 'source'],
    ],
    ['a relative path', 'POST', '', { id: 'a', path: 'x' }, ['path']],
    ['a NUL', 'POST', '', { id: 'a\0', path: '/x\0' }, ['id', 'path']],
    ['a long id', 'POST', '', { id: 'a'.repeat(257), path: '/x' }, ['id']],
    [
      'prototype keys',
      'POST',
      '',
      JSON.parse('{"__proto__":{"id":"a","path":"/x"}}'),
      ['id', 'path'],
    ],
    ['no entries', 'PUT', '/base/overlay', {}, ['entries']],
    ['a text', 'PUT', '/base/overlay', { entries: 'a,b' }, ['entries']],
    ['a number', 'PUT', '/base/overlay', { entries: [1] }, ['entries']],
    ['too many', 'PUT', '/base/overlay', { entries: Array(1001).fill('a') }, ['entries']],
    ['no ids', 'PUT', '/base/dependencies', { package_ids: null }, ['package_ids']],
    ['a surrogate', 'PUT', '/base/dependencies', { package_ids: ['\ud800'] }, ['package_ids']],
  ])('answer 422 to %s', async (_what, method, path, body, fields) => {
    const answer = await server.call(method, `/packages${path}`, body);
    expect([answer.status, answer.body.code]).toEqual([422, 'invalid_request']);
    const errors = answer.body.errors as { field: string }[];
    expect(errors.map(({ field }) => field).sort()).toEqual([...fields].sort());
  });

  it('are open to readers only as far as they read', async () => {
    for (const [method, path] of [
      ['POST', ''],
      ['POST', '/base/activate'],
      ['PUT', '/base/overlay'],
      ['PUT', '/base/dependencies'],
      ['PUT', '/base/archive'],
      ['DELETE', '/base'],
    ] as const) {
      const answer = await server.call(method, `/packages${path}`, {}, 'reader');
      expect([method, path, answer.status, answer.body.code]).toEqual([
        method,
        path,
        403,
        'forbidden',
      ]);
    }
    const stranger = await fetch(`${server.runner.url}/packages`);
    expect(stranger.status).toBe(401);
  });

  describe('register by path', () => {
    const register = (path: string) => server.call('POST', '/packages', { id: 'by-path', path });

    it('the real path of what lies in an allowed folder, also by a link', async () => {
      const real = allowed('real');
      symlinkSync(real, join(home, 'allowed', 'link'));
      const answer = await register(join(home, 'allowed', 'link'));
      expect([answer.status, answer.body.installed_path]).toEqual([201, real]);
      const roundabout = await register(`${home}/allowed/../allowed/real`);
      expect([roundabout.status, roundabout.body.installed_path]).toEqual([200, real]);
    });

    it('nothing else', async () => {
      const out = server.folder(join(home, 'elsewhere'));
      server.folder(join(home, 'fermilink', 'workspaces', 'theirs', 'repo'));
      server.folder(join(home, 'all', 'sub'));
      symlinkSync(out, join(home, 'allowed', 'out'));
      symlinkSync(server.runner.workspaces, join(home, 'allowed', 'sessions'));
      symlinkSync('/', join(home, 'allowed', 'everything'));
      symlinkSync(join(home, 'all'), join(home, 'fermilink', 'other'));
      writeFileSync(join(home, 'fermilink', 'agent_runtime.json'), '{}');
      mkdirSync(join(server.storage, '.incoming-0123456789abcdef', 'x'), { recursive: true });
      for (const path of [
        out,
        '/',
        '/etc',
        '/proc/self/root/etc',
        '/proc/self/cwd',
        home,
        join(home, 'no such folder'),
        join(home, 'allowed'),
        join(home, 'allowedness'),
        join(home, 'allowed', 'out'),
        `${home}/allowed/out/../elsewhere`,
        `${home}/allowed/../no/such`,
        join(home, 'allowed', 'sessions'),
        join(home, 'allowed', 'everything'),
        join(home, 'fermilink'),
        join(home, 'fermilink', 'workspaces'),
        join(home, 'fermilink', 'workspaces', 'theirs', 'repo'),
        join(home, 'fermilink', 'runtime'),
        join(home, 'fermilink', 'runtime', 'events'),
        server.root,
        join(server.storage, '.incoming-0123456789abcdef'),
        join(server.storage, '.incoming-0123456789abcdef', 'x'),
      ]) {
        const answer = await register(path);
        expect([path, answer.status, answer.body.code]).toEqual([
          path,
          403,
          'package_path_forbidden',
        ]);
        expect(JSON.stringify(answer.body)).not.toContain(home);
      }
      const file = join(allowed('files'), 'solver.py');
      for (const path of [file, join(home, 'allowed', 'missing')]) {
        const answer = await register(path);
        expect([path, answer.status, answer.body.code]).toEqual([path, 400, 'package_invalid']);
      }
      expect((await register(join(home, 'all', 'sub'))).status).toBe(200);
    });
  });

  it('answer with a code when the registry is no registry', async () => {
    writeFileSync(join(server.root, 'registry.json'), 'broken');
    const path = allowed('one');
    expect((await server.call('GET', '/packages')).body).toEqual({
      active_package: null,
      packages: [],
    });
    const answer = await server.call('POST', '/packages', { id: 'x', path });
    expect([answer.status, answer.body.code]).toEqual([500, 'registry_unreadable']);
  });
});

describe('packages without tokens', () => {
  it('can be read, but not changed: agents sit on loopback too', async () => {
    const runner = await Runner.start();
    expect((await fetch(`${runner.url}/packages`)).status).toBe(200);
    const answer = await fetch(`${runner.url}/packages/a/archive`, { method: 'PUT', body: 'x' });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      403,
      'forbidden',
    ]);
    await runner.stop();
  });
});

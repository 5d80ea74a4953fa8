import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { PackageServer, SOLVER, until } from '../support/package-client.js';
import { tarGz } from '../support/tar.js';

describe('uploading a package', () => {
  let server: PackageServer;
  beforeAll(async () => {
    server = await PackageServer.start({
      FERMILINK_RUNNER_MAX_PACKAGE_BYTES: String(3 * 1024 * 1024),
      FERMILINK_RUNNER_UPLOAD_IDLE_SECONDS: '1',
    });
  });
  afterAll(() => server.stop());

  const pathOf = async (id: string) =>
    String((await server.call('GET', `/packages/${id}`)).body.installed_path);

  /** A request whose body is written by the test, as far as it likes. */
  const open = (id: string, headers: Record<string, string> = {}) => {
    const { port } = new URL(server.runner.url);
    const upload = request({
      ...{ port, method: 'PUT', path: `/packages/${id}/archive` },
      headers: { ...server.headers(), ...headers },
    });
    const answer = new Promise<{ status?: number; code: unknown }>((resolve, reject) => {
      upload.on('error', reject);
      upload.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const { code } = JSON.parse(Buffer.concat(chunks).toString()) as { code: unknown };
          resolve({ status: response.statusCode, code });
        });
      });
    });
    answer.catch(() => undefined);
    return { upload, answer };
  };

  it('stores it without permission to write, and a run is linked to it', async () => {
    const answer = await server.upload('Sol Ver', SOLVER, { query: '?title=Solver' });
    expect([answer.status, answer.headers.get('location')]).toEqual([201, '/packages/sol-ver']);
    expect(answer.body).toMatchObject({
      id: 'sol-ver',
      title: 'Solver',
      source: 'upload',
      active: true,
      content_hash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      size_bytes: 23,
      entry_count: 6,
    });
    const path = String(answer.body.installed_path);
    expect(path).toMatch(/\/packages\/sol-ver\.upload-[0-9a-f]{16}$/);
    const modes = ['.', 'solver.py', 'bin', 'bin/run', 'docs/deep/a.md'].map(
      (name) => statSync(join(path, name)).mode & 0o7777,
    );
    expect(modes).toEqual([0o555, 0o444, 0o555, 0o555, 0o444]);
    expect(server.stored()).toEqual([path.split('/').at(-1)]);

    const script = 'cat solver.py docs/deep/a.md; ls -d bin/run';
    const { body } = await server.run(script, { package_id: 'sol-ver', session_id: 'linked' });
    expect((await server.ended(body.id ?? body.run_id)).body).toMatchObject({
      state: 'completed',
      package: { package_id: 'sol-ver', linked_count: 3 },
    });
  });

  it('comes to the same hash for the same content, however it is packed', async () => {
    const files = [
      { name: 'b/x', content: '1' },
      { name: 'a', content: '2' },
    ];
    const one = await server.upload('same1', tarGz(...files));
    const two = await server.upload(
      'same2',
      tarGz({ name: 'b/', type: '5' }, files[1]!, files[0]!),
    );
    const other = await server.upload('other', tarGz({ ...files[0]!, mode: 0o755 }, files[1]!));
    expect(two.body.content_hash).toBe(one.body.content_hash);
    expect(other.body.content_hash).not.toBe(one.body.content_hash);
  });

  it('takes no archive for a package that is there, unless it may replace it', async () => {
    await server.upload('twice', SOLVER);
    const before = await pathOf('twice');
    const refused = await server.upload('twice', SOLVER);
    expect([refused.status, refused.body.code]).toEqual([409, 'package_exists']);
    expect(await pathOf('twice')).toBe(before);
    await server.call('PUT', '/packages/twice/overlay', { entries: ['bin'] });
    const replaced = await server.upload('twice', SOLVER, { query: '?replace=true' });
    expect([replaced.status, replaced.body.overlay_entries]).toEqual([200, ['bin']]);
    expect(await pathOf('twice')).not.toBe(before);
    expect(existsSync(before)).toBe(false);
  });

  it.each(['replace=yes', 'replace=true&replace=true', 'title=%0a', `title=${'a'.repeat(257)}`])(
    'refuses the query %s',
    async (query) => {
      const answer = await server.upload('query', SOLVER, { query: `?${query}` });
      expect([answer.status, answer.body.code]).toEqual([422, 'invalid_request']);
    },
  );

  it('removes it with its package', async () => {
    await server.upload('brief', SOLVER);
    const path = await pathOf('brief');
    const deleted = await server.call('DELETE', '/packages/brief');
    expect(deleted.body).toMatchObject({ files_removed: true, reason: null });
    expect(existsSync(path)).toBe(false);
  });

  it('lets one of two win', async () => {
    const answers = await Promise.all([...Array(5)].map(() => server.upload('both', SOLVER)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
    expect(server.stored().filter((name) => name.startsWith('both.'))).toHaveLength(1);
    expect(server.stored().filter((name) => name.startsWith('.incoming-'))).toEqual([]);
  });

  it.each<[string, Buffer, number, string]>([
    ['a link', tarGz({ name: 'a', type: '2', link: '/etc/passwd' }), 400, 'package_invalid'],
    ['a way out', tarGz({ name: '../../x', content: 'x' }), 400, 'package_invalid'],
    ['no archive', Buffer.from('{"a":1}'), 400, 'package_invalid'],
    ['half an archive', SOLVER.subarray(0, SOLVER.length / 2), 400, 'package_invalid'],
    ['nothing', Buffer.alloc(0), 400, 'package_invalid'],
    ['a large body', Buffer.alloc(4 * 1024 * 1024, SOLVER), 413, 'body_too_large'],
  ])('leaves nothing of %s', async (_what, archive, status, code) => {
    const before = server.stored();
    for (const type of ['application/gzip', 'application/json', 'multipart/form-data']) {
      const answer = await server.upload('refused', archive, { type });
      expect([answer.status, answer.body.code]).toEqual([status, code]);
      expect(JSON.stringify(answer.body)).not.toContain(server.runner.home);
    }
    expect(server.stored()).toEqual(before);
    expect((await server.call('GET', '/packages/refused')).status).toBe(404);
  });

  it('refuses a large body without a length when it has become too large', async () => {
    const block = Buffer.alloc(256 * 1024, SOLVER);
    let sent = 0;
    const endless = new ReadableStream({
      pull: (controller) => {
        sent += block.length;
        controller.enqueue(sent === block.length ? SOLVER : block);
        if (sent > 64 * 1024 * 1024) controller.close();
      },
    });
    // A client may see the connection break before it has read the answer.
    const answer = await server.upload('large', endless).catch(() => null);
    if (answer !== null) expect([400, 413]).toContain(answer.status);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    await until(() => !server.stored().some((name) => name.startsWith('.incoming-')));
  });

  it('gives up a client that sends nothing more, and leaves nothing', async () => {
    const { upload, answer } = open('slow');
    upload.write(SOLVER.subarray(0, 60));
    await until(() => server.stored().some((name) => name.startsWith('.incoming-')));
    expect(await answer).toEqual({ status: 408, code: 'request_timeout' });
    expect(server.stored().filter((name) => name.startsWith('.incoming-'))).toEqual([]);
    upload.destroy();
  });

  it('leaves nothing when the client goes', async () => {
    const { upload } = open('leaving');
    upload.write(SOLVER.subarray(0, 60));
    await until(() => server.stored().some((name) => name.startsWith('.incoming-')));
    upload.destroy();
    await until(() => !server.stored().some((name) => name.startsWith('.incoming-')));
    expect(server.runner.logLines.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });

  it('takes a body larger than any other may be, in pieces, and other bodies keep their limit', async () => {
    const content = Buffer.alloc(2 * 1024 * 1024);
    for (let at = 0; at < content.length; at += 4) content.writeInt32LE((at * 2654435761) | 0, at);
    const archive = tarGz({ name: 'data', content });
    expect(archive.length).toBeGreaterThan(1024 * 1024);
    const pieces = Readable.toWeb(Readable.from(chunksOf(archive, 10_000))) as ReadableStream;
    const answer = await server.upload('big', pieces, { type: 'application/json' });
    expect([answer.status, answer.body.size_bytes]).toEqual([201, content.length]);
    expect(readFileSync(join(await pathOf('big'), 'data')).equals(content)).toBe(true);
    for (const path of ['/packages/x/overlay', '/packages/x/archive/y', '/packages']) {
      const other = await server.call(path === '/packages' ? 'POST' : 'PUT', path, {
        id: 'x'.repeat(2 * 1024 * 1024),
      });
      expect([path, other.status]).toEqual([path, path.endsWith('/y') ? 404 : 413]);
    }
  });

  it('serves the next request of a connection after a refused upload', async () => {
    const refused = await server.upload('twice', SOLVER);
    expect(refused.status).toBe(409);
    expect((await server.call('GET', '/packages')).status).toBe(200);
  });

  it('stores nothing when the registry cannot be changed', async () => {
    const file = join(server.root, 'registry.json');
    const registry = readFileSync(file);
    const before = server.stored();
    writeFileSync(file, 'broken');
    const early = await server.upload('unlucky', SOLVER);
    expect([early.status, early.body.code]).toEqual([500, 'registry_unreadable']);
    // The same when it breaks while the archive is received.
    writeFileSync(file, registry);
    const { upload, answer } = open('unlucky');
    upload.write(SOLVER.subarray(0, 60));
    await until(() => server.stored().length > before.length);
    writeFileSync(file, 'broken');
    upload.end(SOLVER.subarray(60));
    expect(await answer).toEqual({ status: 500, code: 'registry_unreadable' });
    expect(server.stored()).toEqual(before);
    expect(readFileSync(file, 'utf8')).toBe('broken');
    writeFileSync(file, registry);
  });
});

function* chunksOf(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

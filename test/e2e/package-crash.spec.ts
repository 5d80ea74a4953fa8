import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { AS_NOBODY, NOBODY } from '../support/nobody.js';
import { PackageServer, SOLVER, until } from '../support/package-client.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { tarGz } from '../support/tar.js';

describe('an upload whose server is killed', () => {
  it('leaves nothing that the next one does not remove, and no package', async () => {
    const server = await PackageServer.start();
    await server.upload('kept', SOLVER);
    const { port } = new URL(server.runner.url);
    const upload = request({
      ...{ port, method: 'PUT', path: '/packages/half/archive', headers: server.headers() },
    });
    upload.on('error', () => undefined);
    // Enough of it that files stand there already.
    const large = tarGz(
      ...[...Array(300).keys()].map((n) => ({ name: `d/${n}`, content: randomish(n) })),
    );
    upload.write(large.subarray(0, large.length - 2000));
    await until(() => {
      const incoming = server.stored().find((name) => /^\.incoming-[0-9a-f]+$/.test(name));
      return incoming !== undefined && readdirSync(join(server.storage, incoming)).length > 0;
    });
    await server.runner.kill();
    // Killed between the two last steps, it would leave a folder that is in no registry.
    const rest = server.folder(join(server.storage, 'half.upload-0123456789abcdef'));
    const theirs = server.folder(join(server.storage, 'installed-by-hand'));
    const next = await server.startNext();
    await until(() => server.stored().length === 2);
    expect([existsSync(rest), existsSync(theirs)]).toEqual([false, true]);
    const list = await next.call('GET', '/packages');
    expect((list.body.packages as { id: string }[]).map(({ id }) => id)).toEqual(['kept']);
    const { body } = await next.run('cat solver.py', { package_id: 'kept', session_id: 's' });
    expect((await next.ended(body.run_id)).body).toMatchObject({ state: 'completed' });
    await next.stop();
  });

  it('is not removed by another server that starts meanwhile', async () => {
    const server = await PackageServer.start();
    const { port } = new URL(server.runner.url);
    const upload = request({
      ...{ port, method: 'PUT', path: '/packages/slow/archive', headers: server.headers() },
    });
    const answered = new Promise<number | undefined>((resolve, reject) => {
      upload.on('error', reject);
      upload.on('response', (response) => resolve(response.resume().statusCode));
    });
    upload.write(SOLVER.subarray(0, 60));
    await until(() => server.stored().length === 2);
    const other = await Runner.start({ FERMILINK_SCIPKG_ROOT: server.root });
    await until(async () => (await other.getJson('/health/ready')).status !== undefined);
    await other.stop();
    upload.end(SOLVER.subarray(60));
    expect(await answered).toBe(201);
    await server.stop();
  });
});

describe('an uploaded package on a server of an ordinary user', () => {
  it('is stored, linked, replaced and removed', async () => {
    const home = temporaryFolder();
    const isRoot = process.getuid?.() === 0;
    if (isRoot) spawnSync('chown', [`${NOBODY}:${NOBODY}`, home]);
    const server = await PackageServer.start({}, home, isRoot ? AS_NOBODY : []);
    expect((await server.upload('mine', SOLVER)).status).toBe(201);
    const { body } = await server.run('cat solver.py; echo x >> solver.py', {
      package_id: 'mine',
      session_id: 's',
    });
    const end = (await server.ended(body.run_id)).body;
    expect(end).toMatchObject({ state: 'completed' });
    expect(end.return_code).not.toBe(0);
    expect((await server.upload('mine', SOLVER, { query: '?replace=true' })).status).toBe(200);
    await until(() => server.stored().length === 1);
    const refused = await server.upload(
      'other',
      tarGz({ name: 'a/b/c', content: '1' }, { name: 'x', type: '2' }),
    );
    expect(refused.status).toBe(400);
    expect((await server.call('DELETE', '/packages/mine')).body.files_removed).toBe(true);
    expect(server.stored()).toEqual([]);
    await server.stop();
  });
});

/** Content that cannot be compressed to nothing. */
function randomish(seed: number): Buffer {
  const bytes = Buffer.alloc(3000);
  for (let at = 0; at < bytes.length; at += 4)
    bytes.writeInt32LE(((at + seed) * 2654435761) | 0, at);
  return bytes;
}

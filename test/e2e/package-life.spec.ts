import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PackageServer, SOLVER, until } from '../support/package-client.js';

describe('an uploaded package', () => {
  let server: PackageServer;
  beforeAll(async () => {
    server = await PackageServer.start();
  });
  afterAll(() => server.stop());

  const pathOf = async (id: string) =>
    String((await server.call('GET', `/packages/${id}`)).body.installed_path);

  it('keeps what it replaces as long as a run is linked to it', async () => {
    await server.upload('held', SOLVER);
    const before = await pathOf('held');
    const script = 'until [ -e go ]; do sleep 0.05; done; cat solver.py';
    const { body } = await server.run(script, { package_id: 'held', session_id: 'holder' });
    const link = join(server.runner.repo('holder'), 'solver.py');
    await until(() => existsSync(link));
    await server.upload('held', SOLVER, { query: '?replace=true' });
    expect(existsSync(before)).toBe(true);
    writeFileSync(join(server.runner.repo('holder'), 'go'), '');
    expect((await server.ended(body.run_id)).body).toMatchObject({
      state: 'completed',
      return_code: 0,
    });
    await until(() => !existsSync(before));
    expect(existsSync(await pathOf('held'))).toBe(true);
  });

  it('keeps what is deleted as long as a run is linked to it, and says so', async () => {
    await server.upload('parting', SOLVER);
    const path = await pathOf('parting');
    const script = 'until [ -e go ]; do sleep 0.05; done; cat solver.py';
    const { body } = await server.run(script, { package_id: 'parting', session_id: 'parting' });
    await until(() => existsSync(join(server.runner.repo('parting'), 'solver.py')));
    const deleted = await server.call('DELETE', '/packages/parting');
    expect(deleted.body).toMatchObject({
      files_removed: false,
      reason: 'A run that is under way uses its files; they are removed when it has ended.',
    });
    writeFileSync(join(server.runner.repo('parting'), 'go'), '');
    expect((await server.ended(body.run_id)).body).toMatchObject({ return_code: 0 });
    await until(() => !existsSync(path));
  });

  it('never links one that was deleted or replaced meanwhile, nor half of one', async () => {
    for (let round = 0; round < 5; round += 1) {
      await server.upload('racing', SOLVER, { query: '?replace=true' });
      const runs = Promise.all(
        [...Array(4).keys()].map((n) =>
          server.run('cat solver.py bin/run docs/deep/a.md', {
            package_id: 'racing',
            session_id: `racing-${round}-${n}`,
          }),
        ),
      );
      const gone = await server.call('DELETE', '/packages/racing');
      expect(gone.status).toBe(200);
      for (const { status, body } of await runs) {
        if (status === 400) {
          expect(body.code).toBe('package_not_found');
          continue;
        }
        const { body: end } = await server.ended(body.run_id);
        const isWhole = end.state === 'completed' && end.return_code === 0;
        expect(isWhole || end.code === 'package_not_found').toBe(true);
      }
    }
    await until(() => !server.stored().some((name) => name.startsWith('racing.')));
  });

  describe('that is changed afterwards', () => {
    const start = async (id: string, more: object = {}) => {
      const { body } = await server.run('true', {
        package_id: id,
        session_id: `of-${id}`,
        ...more,
      });
      return (await server.ended(body.run_id)).body;
    };
    const change = (path: string, act: () => void) => {
      const { mode, atime, mtime } = statSync(path);
      chmodSync(path, 0o755);
      act();
      utimesSync(path, atime, mtime);
      chmodSync(path, mode & 0o777);
    };

    it.each<[string, (path: string) => void]>([
      [
        'one byte of a file',
        (path) => {
          const file = join(path, 'solver.py');
          change(file, () => writeFileSync(file, 'print(2)\n'));
        },
      ],
      ['the executable bit', (path) => chmodSync(join(path, 'solver.py'), 0o555)],
      ['a new file', (path) => change(path, () => writeFileSync(join(path, 'new'), ''))],
      [
        'a link for a file',
        (path) =>
          change(path, () => {
            spawnSync('ln', ['-sf', '/etc/hostname', join(path, 'solver.py')]);
          }),
      ],
      ['a FIFO', (path) => change(path, () => spawnSync('mkfifo', [join(path, 'pipe')]))],
      [
        'a name that is no text',
        (path) => change(path, () => spawnSync('sh', ['-c', 'touch "$0/$(printf "\\377")"', path])),
      ],
      [
        'a missing file',
        (path) => change(path, () => spawnSync('rm', ['-f', join(path, 'solver.py')])),
      ],
    ])('by %s is not linked any more', async (what, act) => {
      const id = `changed-${what.replace(/\W+/g, '-')}`;
      await server.upload(id, SOLVER);
      expect((await start(id)).state).toBe('completed');
      act(await pathOf(id));
      for (const more of [{}, { session_id: `fresh-${id}` }, { package_id: undefined }]) {
        expect(await start(id, more)).toMatchObject({ state: 'failed', code: 'package_modified' });
      }
      await server.upload(id, SOLVER, { query: '?replace=true' });
      expect((await start(id)).state).toBe('completed');
    });

    it('fails whoever depends on it, too', async () => {
      await server.upload('library', SOLVER);
      await server.upload('user', SOLVER);
      await server.call('PUT', '/packages/user/dependencies', { package_ids: ['library'] });
      expect(await start('user')).toMatchObject({ state: 'completed' });
      const file = join(await pathOf('library'), 'docs', 'deep', 'a.md');
      change(file, () => appendFileSync(file, '!'));
      const end = await start('user');
      expect(end).toMatchObject({ state: 'failed', code: 'package_modified' });
      expect(JSON.stringify(end)).toContain('\\"library\\"');
    });

    it('answers 500 with the code', async () => {
      await server.upload('answered', SOLVER);
      const file = join(await pathOf('answered'), 'bin', 'run');
      change(file, () => appendFileSync(file, '!'));
      const body = { user_prompt: 'true', package_id: 'answered', session_id: 'answered' };
      const answer = await server.call('POST', '/run', body);
      expect([answer.status, answer.body.code]).toEqual([500, 'package_modified']);
      expect(JSON.stringify(answer.body)).not.toContain(server.runner.home);
    });
  });
});

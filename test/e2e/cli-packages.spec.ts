import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunnerClient, type StoredPolicy } from '../../src/client/index.js';
import { cli } from '../support/command-line.js';
import { Runner, temporaryFolder } from '../support/runner.js';

const TOKEN = 'fermilink-test-administrator';

describe('packages', () => {
  let runner: Runner;
  let env: Record<string, string>;
  let client: RunnerClient;
  let folder: string;

  beforeAll(async () => {
    folder = temporaryFolder();
    const scopes = ['runs:read', 'packages:write', 'ops:read', 'policy:write'];
    const sha256 = createHash('sha256').update(TOKEN).digest('hex');
    const tokens = join(folder, 'tokens.json');
    writeFileSync(
      tokens,
      JSON.stringify({ version: 1, tokens: [{ name: 'administrator', sha256, scopes }] }),
    );
    writeFileSync(join(folder, 'token'), `${TOKEN}\n`);
    for (const name of ['solver', 'mesh']) {
      mkdirSync(join(folder, name, 'examples'), { recursive: true });
      writeFileSync(join(folder, name, `${name}.py`), `# ${name}\n`);
      execFileSync('tar', ['-czf', join(folder, `${name}.tar.gz`), '-C', join(folder, name), '.']);
    }
    runner = await Runner.start({ FERMILINK_RUNNER_TOKENS_FILE: tokens });
    env = { FERMILINK_RUNNER_URL: runner.url };
    client = new RunnerClient({ baseUrl: runner.url, token: TOKEN });
  });
  afterAll(async () => {
    await runner.stop();
    rmSync(folder, { recursive: true });
  });
  const packages = (...args: string[]) =>
    cli(['packages', ...args, '--token-file', join(folder, 'token')], env);

  it('are uploaded, shown, changed and removed from the command line', async () => {
    const uploaded = await packages('upload', 'Solver', join(folder, 'solver.tar.gz'), '--json');
    expect(uploaded).toMatchObject({ err: '', code: 0 });
    expect(JSON.parse(uploaded.out)).toMatchObject({ id: 'solver', active: true });
    const again = await packages('upload', 'solver', join(folder, 'solver.tar.gz'));
    expect(again).toMatchObject({ err: expect.stringContaining('(package_exists)'), code: 3 });
    await packages('upload', 'mesh', join(folder, 'mesh.tar.gz'), '--title', 'A mesh');
    expect((await packages()).out).toMatch(/^\* {2}solver /m);
    expect((await packages('list')).out).toMatch(/^ {3}mesh +A mesh +/m);
    expect(await packages('activate', 'mesh')).toMatchObject({ code: 0 });
    expect(await packages('depend', 'solver', 'mesh')).toMatchObject({ code: 0 });
    expect(await packages('overlay', 'solver', 'solver.py')).toMatchObject({ code: 0 });
    const shown = await packages('show', 'solver');
    expect(shown.out).toMatch(/^overlay_entries +solver\.py$/m);
    expect(shown.out).toMatch(/^dependency_package_ids +mesh$/m);
    expect((await packages('remove', 'mesh')).out).toBe(
      'mesh is no package any more; its files are removed\nactive now: solver\n',
    );
    expect(await packages('show', 'mesh')).toMatchObject({ code: 3 });
    expect(await packages('register', 'etc', '/etc')).toMatchObject({ code: 3 });
  }, 60_000);

  it('are changed by the client', async () => {
    const archive = new Blob([execFileSync('cat', [join(folder, 'mesh.tar.gz')])]);
    expect(await client.packages.upload('grid', archive)).toMatchObject({ id: 'grid' });
    const replaced = await client.packages.upload('grid', archive, { replace: true, title: 'G' });
    expect(replaced).toMatchObject({ title: 'G', content_hash: expect.stringMatching(/^sha256:/) });
    expect(await client.packages.delete('grid')).toMatchObject({ files_removed: true });
    const anonymous = new RunnerClient({ baseUrl: runner.url });
    await expect(anonymous.packages.list()).rejects.toMatchObject({
      ...{ status: 401, code: 'unauthenticated' },
    });
  });

  it('stand beside the policy, which is read and replaced as a whole', async () => {
    const { policy, etag } = await client.policy.get();
    expect(policy).toMatchObject({ effective: { provider: 'codex' }, problem: null });
    const stored: StoredPolicy = {
      ...{ provider: 'demo', model: null, reasoning_effort: null },
      sandbox_policy: 'enforce',
      sandbox_mode: 'read-only',
    };
    const changed = await client.policy.put(stored, { ifMatch: etag! });
    expect(changed.policy).toMatchObject({ stored, effective: { sandbox_mode: 'read-only' } });
    await expect(client.policy.put(stored, { ifMatch: etag! })).rejects.toMatchObject({
      ...{ status: 412, code: 'precondition_failed' },
    });
    await expect(client.policy.put({ ...stored, provider: 'none' })).rejects.toMatchObject({
      errors: [{ field: 'provider' }],
    });
  });
});

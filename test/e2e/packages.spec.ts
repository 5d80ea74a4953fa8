import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Runner, temporaryFolder } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

describe('the package of a run', () => {
  it('is linked into its session, which keeps it, and is told in meta', async () => {
    const home = temporaryFolder();
    const pkg = join(home, 'pkg');
    mkdirSync(join(pkg, 'examples'), { recursive: true });
    writeFileSync(join(pkg, 'solver.py'), '');
    writeFileSync(join(pkg, 'AGENTS.md'), 'not this');
    const root = join(home, 'fermilink', 'scientific_packages');
    mkdirSync(root, { recursive: true });
    writeFileSync(
      join(root, 'registry.json'),
      JSON.stringify({
        version: 1,
        packages: { solver: { installed_path: pkg }, gone: { installed_path: '/gone' } },
      }),
    );
    const runner = await Runner.start({}, home);
    const post = (more: object) =>
      StreamClient.open(runner, { user_prompt: 'ls', session_id: 'p', ...more });
    const first = await post({ package_id: 'Solver' });
    const [meta] = await first.all();
    expect(JSON.parse(meta!.data).package).toMatchObject({
      package_id: 'solver',
      linked_count: 2,
      collisions: [],
    });
    const listed = first.events.filter(({ event }) => event === 'agent').map(({ data }) => data);
    expect(listed).toEqual(
      expect.arrayContaining(['AGENTS.md', 'examples', 'outputs', 'projects', 'solver.py']),
    );
    const again = await post({});
    expect(JSON.parse((await again.all())[0]!.data).package.package_id).toBe('solver');
    const invalid = await post({ package_id: 'gone' });
    expect([invalid.status, (await invalid.json()).code]).toEqual([400, 'package_invalid']);
    await runner.stop();
  });
});

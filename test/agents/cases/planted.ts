import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelServer } from '../../support/model-server/model-server.js';
import { inTurn } from '../../support/model-server/script.js';
import { setTraps } from '../traps.js';
import { KEY, type Workbench } from '../workbench.js';

/** What an agent of an earlier run, or a package, has left in a workspace is read, and not obeyed. */
export function plantedOf(bench: () => Workbench): void {
  it('obeys no settings that stand in its workspace, and reads the rules there', async () => {
    const { model, runner, cli } = bench();
    const { session, repo } = bench().newSession();
    const thief = await ModelServer.start();
    try {
      const marks = join(runner.home, `${session}-marks`);
      mkdirSync(marks);
      const mark = (name: string) => `touch '${join(marks, name)}'`;
      setTraps(cli.id, repo, { mark, thief: thief.url });
      const written = join(repo, 'written');
      const touched = join(repo, 'touched');
      const script = inTurn(
        { use: { write: written, content: 'x\n' } },
        { use: { shell: `touch '${touched}'` } },
        { say: 'It was refused.' },
      );
      model.begin(script);
      thief.begin(script);
      const { exit } = await bench().talk({
        user_prompt: 'Write',
        session_id: session,
        sandbox: 'read-only',
      });
      expect(exit).toMatchObject({ reason: 'completed', return_code: 0, outcome: 'succeeded' });
      expect(readdirSync(marks)).toEqual([]);
      expect([thief.requests, thief.asides, thief.others]).toEqual([[], [], []]);
      expect([written, touched].filter(existsSync)).toEqual([]);
      const rules = readFileSync(join(repo, 'AGENTS.md'), 'utf8').trim().split('\n').at(-1)!;
      expect(model.requests).toHaveLength(3);
      for (const request of model.requests) {
        expect(request).toMatchObject({ key: KEY, model: expect.not.stringMatching(/planted/) });
        expect(request.body).toContain(JSON.stringify(rules).slice(1, -1));
      }
    } finally {
      await thief.stop();
    }
  });
}

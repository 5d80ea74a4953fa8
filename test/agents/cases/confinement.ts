import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_COOKIE_VARIABLE } from '../../../src/run/proc.js';
import { inTurn, type ToolUse } from '../../support/model-server/script.js';
import { DECOY, KEY, type Workbench } from '../workbench.js';

const BYPASS = { sandbox_policy: 'bypass' };

/** What the tools of an agent may do in each mode, and what they know. */
export function confinementOf(bench: () => Workbench): void {
  it('writes nothing and runs nothing that writes in the mode read-only', async () => {
    const { session, repo } = bench().newSession();
    const written = join(repo, 'written');
    const touched = join(repo, 'touched');
    bench().model.begin(
      inTurn(
        { use: { write: written, content: 'x\n' } },
        { use: { shell: `touch '${touched}'` } },
        { say: 'It was refused.' },
      ),
    );
    const { exit } = await bench().talk({
      user_prompt: 'Write',
      session_id: session,
      sandbox: 'read-only',
    });
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
    // The model was told of both.
    expect(bench().model.requests.at(-1)!.toolResults).toHaveLength(2);
    expect([written, touched].filter(existsSync)).toEqual([]);
  });

  it('runs a command in the workspace in the mode workspace-write, or refuses it', async () => {
    const { model, cli } = bench();
    const { session, repo } = bench().newSession();
    const touched = join(repo, 'touched');
    model.begin(inTurn({ use: { shell: `touch '${touched}'` } }, { say: 'Done.' }));
    const { exit } = await bench().talk({ user_prompt: 'Touch', session_id: session });
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0, outcome: 'succeeded' });
    expect(model.requests.at(-1)!.toolResults).toHaveLength(1);
    expect(existsSync(touched)).toBe(cli.runsCommands);
  });

  it('writes nothing outside the workspace in the mode workspace-write', async () => {
    const { session } = bench().newSession();
    const { runner, model } = bench();
    const written = join(runner.home, `${session}-written`);
    const touched = join(runner.home, `${session}-touched`);
    model.begin(
      inTurn(
        { use: { write: written, content: 'x\n' } },
        { use: { shell: `touch '${touched}'` } },
        { say: 'It was refused.' },
      ),
    );
    const { exit } = await bench().talk({ user_prompt: 'Write', session_id: session });
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
    expect(model.requests.at(-1)!.toolResults).toHaveLength(2);
    expect([written, touched].filter(existsSync)).toEqual([]);
  });

  it('lets tools do all under the policy bypass, and tells them nothing of the server', async () => {
    const { session } = bench().newSession();
    const { runner, model, cli } = bench();
    bench().setPolicy(BYPASS);
    const touched = join(runner.home, `${session}-touched`);
    model.begin(inTurn({ use: { shell: `touch '${touched}'; env` } }, { say: 'Done.' }));
    const { exit } = await bench().talk({ user_prompt: 'Look', session_id: session });
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
    expect(existsSync(touched)).toBe(true);
    const [env] = model.requests.at(-1)!.toolResults;
    expect(env).toMatch(/^PATH=/m);
    expect(env).toMatch(new RegExp(`^${RUN_COOKIE_VARIABLE}=.`, 'm'));
    expect(env).not.toContain(DECOY);
    expect(env!.includes(KEY)).toBe(!cli.hidesKey);
  });
}

/** Where nobody is asked, a plan that is done must not be taken for one that was approved. */
export function planningOf(
  bench: () => Workbench,
  planning: Readonly<Record<string, readonly ToolUse[]>> = {},
): void {
  if (Object.keys(planning).length === 0) return;
  it.each(Object.entries(planning))(
    'runs nothing behind a plan in the mode %s',
    async (sandbox, uses) => {
      const { model } = bench();
      const { session, repo } = bench().newSession();
      const touched = join(repo, 'touched');
      const all = [...uses, { shell: `touch '${touched}'` }];
      model.begin(inTurn(...all.map((use) => ({ use })), { say: 'It was refused.' }));
      const { exit } = await bench().talk({ user_prompt: 'Write', session_id: session, sandbox });
      expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
      expect(model.requests.at(-1)!.toolResults).toHaveLength(all.length);
      expect(existsSync(touched)).toBe(false);
    },
  );
}

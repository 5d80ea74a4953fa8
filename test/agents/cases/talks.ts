import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inTurn } from '../../support/model-server/script.js';
import type { Talk, Workbench } from '../workbench.js';

const agentOf = ({ events }: Talk) =>
  (JSON.parse(events[0]!.data) as { agent: Record<string, unknown> }).agent;

/** A conversation that goes on in the next run. */
export function talksOf(bench: () => Workbench): void {
  it('goes on with the last talk where it is asked to', async () => {
    const { model } = bench();
    const { session } = bench().newSession();
    const say = (user_prompt: string, more: object = {}) => {
      model.begin(inTurn({ say: `Heard: ${user_prompt}` }));
      return bench().talk({ user_prompt, session_id: session, ...more });
    };
    const first = await say('The word is heron.');
    const { cost_usd: cost, ...tokens } = first.exit.usage as { cost_usd: number | null };
    // Of a run alone.
    const usage = { ...tokens, cost_usd: cost === null ? null : expect.closeTo(cost, 6) };
    const second = await say('Which word?', { continue_conversation: true });
    expect(agentOf(second)).toMatchObject({ resumed: true });
    expect(second.exit).toMatchObject({
      outcome: 'succeeded',
      result_text: 'Heard: Which word?',
      usage,
    });
    const texts = () => model.requests.at(-1)!.userTexts.join('\n');
    expect(texts()).toContain('The word is heron.');
    expect(texts()).toContain('Which word?');
    // It is the same talk that goes on again.
    const third = await say('And now?', { continue_conversation: true });
    expect(agentOf(third)).toMatchObject({ resumed: true });
    expect(third.exit.usage).toEqual(usage);
    expect(texts()).toContain('The word is heron.');
    expect(texts()).toContain('Which word?');
    // Who does not ask for it begins anew, and that talk is the last one then.
    expect(agentOf(await say('New.'))).not.toHaveProperty('resumed');
    expect(texts()).not.toContain('heron');
    expect(agentOf(await say('On.', { continue_conversation: true })).resumed).toBe(true);
    expect(texts()).toContain('New.');
    expect(texts()).not.toContain('heron');
  });

  it('begins anew where the talk is gone, and says so', async () => {
    const { model, runner } = bench();
    const { session } = bench().newSession();
    model.begin(inTurn({ say: 'Heard.' }));
    const body = { session_id: session, continue_conversation: true };
    const first = await bench().talk({ ...body, user_prompt: 'The word is heron.' });
    expect(agentOf(first).resumed).toBe(false);
    rmSync(join(runner.runtime, 'homes', session), { recursive: true });
    model.begin(inTurn({ say: 'Which?' }));
    const second = await bench().talk({ ...body, user_prompt: 'Which word?' });
    expect(agentOf(second).resumed).toBe(false);
    expect(second.exit).toMatchObject({ outcome: 'succeeded', result_text: 'Which?' });
    expect(model.requests.at(-1)!.userTexts.join('\n')).not.toContain('heron');
  });

  it('holds the mode of the run, and not that of the one before', async () => {
    const { model, cli } = bench();
    const { session, repo } = bench().newSession();
    const paths = ['first', 'second'].map((name) => join(repo, name));
    const write = (path: string) =>
      model.begin(inTurn({ use: { write: path, content: 'x\n' } }, { say: 'Done.' }));
    bench().setPolicy({ model: cli.model.policy });
    write(paths[0]!);
    await bench().talk({ user_prompt: 'Write', session_id: session });
    write(paths[1]!);
    const { events, exit } = await bench().talk({
      user_prompt: 'Write again',
      session_id: session,
      sandbox: 'read-only',
      continue_conversation: true,
    });
    expect(JSON.parse(events[0]!.data)).toMatchObject({
      agent: { resumed: true, sandbox_mode: 'read-only' },
    });
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
    expect(model.requests.at(-1)!.toolResults.length).toBeGreaterThan(0);
    expect(paths.map((path) => existsSync(path))).toEqual([true, false]);
  });
}

import { inTurn } from '../../support/model-server/script.js';
import type { Workbench } from '../workbench.js';

const EFFORTS = ['low', 'medium', 'high', 'xhigh'] as const;

/** Prompts that a CLI could take for something else than words for the model. */
export const HOSTILE_PROMPTS = [
  '--help',
  '--dangerously-bypass-approvals-and-sandbox',
  '-c model=evil',
  'resume',
  'resume --last',
  '/config',
  '-',
  '@/etc/hostname',
  '!touch planted',
];

/** What the administrator chooses reaches the model. */
export function choicesOf(bench: () => Workbench): void {
  it.each(EFFORTS)('asks for the effort %s of a model', async (effort) => {
    const { model, cli } = bench();
    model.begin(inTurn({ say: 'Done.' }));
    bench().setPolicy({ model: cli.model.policy, reasoning_effort: effort });
    const { session } = bench().newSession();
    const { exit } = await bench().talk({ user_prompt: 'Hello', session_id: session });
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
    expect(model.requests).toMatchObject([
      { model: cli.model.request, effort: cli.efforts[effort] },
    ]);
  });
}

/** Whatever a user writes is text for the model. */
export function promptsOf(bench: () => Workbench, prompts = HOSTILE_PROMPTS): void {
  it.each(prompts)('gives the prompt %j to the model as text', (prompt) =>
    expectAsText(bench(), prompt),
  );
}

export function longPromptOf(bench: () => Workbench): void {
  it('gives 10,000 emoji to the model as text', () => expectAsText(bench(), '🧪'.repeat(10_000)));
}

async function expectAsText(bench: Workbench, prompt: string): Promise<void> {
  const { model, cli } = bench;
  model.begin(inTurn({ say: 'Understood.' }));
  bench.setPolicy({ model: cli.model.policy });
  const { said, exit } = await bench.talk({
    user_prompt: prompt,
    session_id: bench.newSession().session,
  });
  expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
  expect(said).toContain('Understood.');
  expect(model.requests).toHaveLength(1);
  expect(model.requests[0]!.model).toBe(cli.model.request);
  // A line of its own may stand before it, which keeps a command from being one.
  const text = model.requests[0]!.userTexts.map((it) => it.trim()).at(-1)!;
  expect([prompt, `Request:\n${prompt}`]).toContain(text);
}

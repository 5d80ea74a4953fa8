import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inTurn } from '../../support/model-server/script.js';
import { untilState } from '../../support/runs.js';
import { USAGE } from '../../support/model-server/protocol.js';
import type { AgentCli } from '../clis.js';
import { KEY, LIMIT_SECONDS, type Workbench } from '../workbench.js';

/** The error that a refusal of the model is to the runner, whatever the CLI. */
const CODES = { 401: 'auth_rejected', 429: 'rate_limited', 500: 'model_error' } as const;

/** The result of a run that has gone well, in which the model was asked so many times. */
function success({ counts }: AgentCli, text: string, answers: number) {
  return {
    outcome: 'succeeded',
    error: null,
    result_text: text,
    usage: {
      input_tokens: USAGE.input * answers,
      cached_tokens: USAGE.cached * answers,
      output_tokens: USAGE.output * answers,
      cost_usd: counts.cost ? expect.any(Number) : null,
      turns: counts.turns ? answers : null,
      // All but the last want a tool.
      tool_calls: answers - 1,
    },
  };
}

/** What an agent says and does when the model answers. */
export function answersOf(bench: () => Workbench): void {
  it('answers', async () => {
    const { model, cli } = bench();
    model.begin(inTurn({ say: 'All is well.' }));
    const { session } = bench().newSession();
    const { events, said, exit } = await bench().talk({
      user_prompt: 'How is it?',
      session_id: session,
    });
    expect(JSON.parse(events[0]!.data)).toMatchObject({
      session_id: session,
      agent: { provider: cli.id, sandbox_policy: 'enforce', sandbox_mode: 'workspace-write' },
    });
    expect(said).toContain('All is well.');
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0, survivors: 0 });
    expect(exit).toMatchObject(success(cli, 'All is well.', 1));
    expect(model.requests.map(({ key }) => key)).toEqual([KEY]);
    expect(model.requests[0]!.userTexts.join('\n')).toContain('How is it?');
    // Nothing but the model is asked at the address of the model.
    expect(model.others).toEqual([]);
  });

  it('has a tool write a file', async () => {
    const { model, cli } = bench();
    const { session, repo } = bench().newSession();
    const path = join(repo, 'outputs', 'hello.txt');
    model.begin(inTurn({ use: { write: path, content: 'Hello\n' } }, { say: 'It is written.' }));
    const { said, exit } = await bench().talk({ user_prompt: 'Greet', session_id: session });
    expect(existsSync(path) && readFileSync(path, 'utf8')).toBe('Hello\n');
    expect(said).toContain('It is written.');
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0, survivors: 0 });
    expect(exit).toMatchObject(success(cli, 'It is written.', 2));
    expect(model.requests).toHaveLength(2);
    expect(model.requests[1]!.toolResults).toHaveLength(1);
  });
}

/** What it does when the model is slow, refuses, or says nothing. */
export function faultsOf(bench: () => Workbench): void {
  it('waits for an answer that comes slowly', async () => {
    const { model, runner, cli } = bench();
    let goOn = () => undefined as void;
    const hold = new Promise<void>((resolve) => (goOn = resolve));
    model.begin(inTurn({ say: ['One ', 'two ', 'three.'], hold }));
    const { session } = bench().newSession();
    const { client, runId } = await bench().start({ user_prompt: 'Count', session_id: session });
    await model.asked();
    expect(await untilState(runner, runId, 'running')).toMatchObject({ ended_at: null });
    goOn();
    expect(await client.exit()).toMatchObject({
      reason: 'completed',
      return_code: 0,
      ...success(cli, 'One two three.', 1),
    });
    expect(client.dataOf('agent').join('\n')).toContain('three.');
  });

  it.each([401, 429, 500] as const)('ends when the model answers %d', async (status) => {
    const { model, cli } = bench();
    const isPatient = cli.retriesForLong.includes(status);
    model.begin(inTurn({ status }));
    const { session } = bench().newSession();
    const { said, exit } = await bench().talk({
      user_prompt: 'Hello',
      session_id: session,
      ...(isPatient ? { max_runtime_seconds: LIMIT_SECONDS } : {}),
    });
    expect(model.requests.length).toBeGreaterThan(0);
    if (isPatient) {
      // One that tries again and again is ended by the runner's clock; this one does so without a word.
      expect(exit).toMatchObject({ reason: 'timeout', outcome: 'unknown', error: null });
    } else {
      const error = { code: CODES[status], message: expect.stringMatching(/./) };
      expect(exit).toMatchObject({ reason: 'completed', outcome: 'failed', error });
      expect(exit.return_code).not.toBe(0);
      expect(said).toMatch(cli.refusal);
    }
    expect(exit).toMatchObject({ survivors: 0, usage: { tool_calls: 0 } });
  });
}

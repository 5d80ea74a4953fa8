import { randomUUID } from 'node:crypto';
import { Gate, getRun, postRun, startRun, untilEnded, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

/** A script that does as codex does with a talk, and says how it was started. */
function talkOf(id: string, tokens = 0): string {
  const folder = '"$CODEX_HOME/sessions/2026/11/25"';
  const usage = `{"input_tokens":${tokens},"cached_input_tokens":0,"output_tokens":${tokens}}`;
  return [
    `mkdir -p ${folder}`,
    `echo '{}' > ${folder}/rollout-2026-11-25T10-00-00-${id}.jsonl`,
    `echo '{"type":"thread.started","thread_id":"${id}"}'`,
    `echo "started with: $*"`,
    `echo '{"type":"turn.completed","usage":${usage}}'`,
  ].join('; ');
}

describe('a conversation', () => {
  let runner: Runner;
  beforeEach(async () => {
    runner = await Runner.start();
  });
  afterEach(() => runner.stop());

  async function run(session_id: string, user_prompt: string, goesOn?: boolean) {
    const body = { session_id, user_prompt, continue_conversation: goesOn };
    const client = await StreamClient.open(runner, body);
    await client.all();
    const { agent, run_id } = JSON.parse(client.dataOf('meta')[0]!) as {
      agent: Record<string, unknown>;
      run_id: string;
    };
    const args = client.dataOf('agent').find((line) => line.startsWith('started with')) ?? '';
    return { agent, id: run_id, args, exit: await client.exit() };
  }

  it('goes on where that is asked for, and begins anew else', async () => {
    const [id, next] = [randomUUID(), randomUUID()];
    const first = await run('one', talkOf(id, 100), true);
    expect(first.agent).toMatchObject({ resumed: false });
    expect(first.args).not.toContain('resume');
    const second = await run('one', talkOf(id, 130), true);
    expect(second.agent).toMatchObject({ resumed: true });
    expect(second.args).toMatch(new RegExp(` resume ${id} -$`));
    expect((await getRun(runner, second.id)).agent).toEqual(second.agent);
    // codex counts all of a talk; the run's own part is told.
    expect(first.exit).toMatchObject({ usage: { input_tokens: 100, output_tokens: 100 } });
    expect(second.exit).toMatchObject({ usage: { input_tokens: 30, output_tokens: 30 } });

    const third = await run('one', talkOf(next));
    expect(third.agent).not.toHaveProperty('resumed');
    expect(third.args).not.toContain('resume');
    expect((await run('one', 'echo "started with: $*"', true)).args).toContain(`resume ${next} `);
    // That run has named no talk: its CLI did not go on.
    expect((await run('one', 'echo', true)).agent).toMatchObject({ resumed: false });
    expect((await run('two', talkOf(next), true)).agent).toMatchObject({ resumed: false });
  });

  it('goes on with that of the run which its own has waited for, also in the next server', async () => {
    const id = randomUUID();
    const gate = new Gate(runner, 'first');
    const session_id = 'one';
    const first = await startRun(runner, {
      session_id,
      user_prompt: `${talkOf(id)}; ${gate.wait}`,
    });
    await untilState(runner, first, 'running');
    const body = { session_id, user_prompt: talkOf(id), continue_conversation: true };
    const second = await startRun(runner, body);
    gate.open();
    expect((await untilEnded(runner, second)).agent).toMatchObject({ resumed: true });

    const shut = new Gate(runner, 'shut');
    const held = await startRun(runner, { session_id, user_prompt: shut.wait });
    await untilState(runner, held, 'running');
    const third = await startRun(runner, body);
    await runner.kill();
    runner = await runner.startNext();
    expect((await untilEnded(runner, third)).agent).toMatchObject({ resumed: true });
  });

  it('goes on with that of a run under which the server has died', async () => {
    const id = randomUUID();
    const user_prompt = `${talkOf(id)}; sleep 600`;
    const client = await StreamClient.open(runner, { session_id: 'one', user_prompt });
    await client.waitFor(({ data }) => data.startsWith('started with'));
    await runner.kill();
    runner = await runner.startNext();
    const next = await run('one', talkOf(id), true);
    expect(next.agent).toMatchObject({ resumed: true });
    expect(next.args).toContain(`resume ${id} `);
  });

  it.each([
    [null, 202],
    [false, 202],
    ['true', 422],
    [1, 422],
    [{}, 422],
  ])('asked for by %j is answered %d', async (value, status) => {
    const answer = await postRun(runner, {
      user_prompt: 'true',
      continue_conversation: value as boolean,
    });
    expect(answer.status).toBe(status);
    if (status === 422) {
      expect(answer.body).toMatchObject({
        code: 'invalid_request',
        errors: [{ field: 'continue_conversation', message: 'must be true or false' }],
      });
    }
  });
});

import { join, resolve } from 'node:path';
import { Gate, getRun, ask, startRun, untilEnded, untilState } from '../support/runs.js';
import { PROJECT, Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

const recording = (cli: string, scenario: string) =>
  resolve(__dirname, '..', 'recordings', cli, `${scenario}.jsonl`);
/** A script that says what a real CLI has said. */
const says = (cli: string, scenario: string) => `cat ${recording(cli, scenario)}`;

const idOf = (client: StreamClient) => String(client.response.headers.location).slice(6);
const activitiesOf = (client: StreamClient) =>
  client.dataOf('activity').map((data) => JSON.parse(data) as Record<string, unknown>);

describe('the result of a run', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start();
  });
  afterAll(() => runner.stop());

  it('stands in its end and in what is known of it', async () => {
    const client = await StreamClient.open(runner, { user_prompt: says('codex', 'write') });
    const result = {
      outcome: 'succeeded',
      error: null,
      result_text: 'It is written.',
      usage: {
        input_tokens: 200,
        cached_tokens: 20,
        output_tokens: 40,
        cost_usd: null,
        turns: null,
        tool_calls: 1,
      },
    };
    expect(await client.exit()).toMatchObject({ reason: 'completed', return_code: 0, ...result });
    expect(await getRun(runner, idOf(client))).toMatchObject(result);
    const { result_text: _text, ...listed } = result;
    const { runs } = (await ask(runner, 'GET', '/runs')).body as { runs: object[] };
    expect(runs[0]).toMatchObject(listed);
    expect(runs[0]).not.toHaveProperty('result_text');
  });

  it('is judged by what the agent says, and not by its exit status', async () => {
    const client = await StreamClient.open(runner, { user_prompt: says('codex', '401') });
    expect(await client.exit()).toMatchObject({
      reason: 'completed',
      return_code: 0,
      outcome: 'failed',
      error: { code: 'auth_rejected', message: expect.stringContaining('401 Unauthorized') },
    });
  });

  it('says why an agent without a word has ended', async () => {
    const killed = await StreamClient.open(runner, { user_prompt: 'kill -9 $$' });
    expect(await killed.exit()).toMatchObject({
      return_code: -9,
      outcome: 'failed',
      error: { code: 'agent_crashed', message: expect.stringContaining('signal 9') },
    });
    const script = 'echo "FATAL ERROR: JavaScript heap out of memory" >&2; exit 134';
    const starved = await StreamClient.open(runner, { user_prompt: script });
    expect(await starved.exit()).toMatchObject({
      outcome: 'failed',
      error: { code: 'out_of_memory', message: expect.stringContaining('heap out of memory') },
    });
  });

  it('is unknown where the agent was stopped, with what it waited for', async () => {
    const gate = new Gate(runner, 'never');
    const user_prompt = `${says('codex', 'unreachable')}; ${gate.wait}`;
    const id = await startRun(runner, { user_prompt, max_runtime_seconds: 2 });
    expect(await untilEnded(runner, id)).toMatchObject({
      reason: 'timeout',
      outcome: 'unknown',
      error: { code: 'network' },
    });
  });

  it('has a last message of at most 64 KiB', async () => {
    const line = '{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"%s"}}';
    const text = `$(head -c 50000 /dev/zero | sed 's/\\x00/é/g')`;
    const client = await StreamClient.open(runner, {
      user_prompt: `printf '${line}\\n' "${text}"`,
    });
    const { result_text: said } = await client.exit();
    expect(Buffer.byteLength(String(said))).toBe(64 * 1024);
    expect(String(said)).toMatch(/^é+$/);
  });

  it('is counted', async () => {
    const counter = async (name: string, labels: string) => {
      const metrics = await (await fetch(`${runner.url}/metrics`)).text();
      const sample = `${name}{provider="codex",${labels}} `;
      const line = metrics.split('\n').find((it) => it.startsWith(sample));
      return Number(line?.slice(sample.length) ?? 0);
    };
    const counts = async () => ({
      refused: await counter('runner_agent_results_total', 'outcome="failed",error="quota"'),
      succeeded: await counter('runner_agent_results_total', 'outcome="succeeded",error=""'),
      input: await counter('runner_agent_tokens_total', 'kind="input"'),
      output: await counter('runner_agent_tokens_total', 'kind="output"'),
    });
    const before = await counts();
    const quota = '{"type":"turn.failed","error":{"message":"You exceeded your current quota."}}';
    for (const user_prompt of [says('codex', 'write'), `echo '${quota}'`]) {
      await untilEnded(runner, await startRun(runner, { user_prompt }));
    }
    expect(await counts()).toEqual({
      refused: before.refused + 1,
      succeeded: before.succeeded + 1,
      input: before.input + 200,
      output: before.output + 40,
    });
  });
});

describe('the activity view', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start();
  });
  afterAll(() => runner.stop());

  it('shows what the agent says and does, and everything else as it is', async () => {
    const user_prompt = `echo a note >&2; ${says('codex', 'write')}`;
    const client = await StreamClient.open(runner, { user_prompt, view: 'activity' });
    await client.all();
    expect(client.dataOf('agent')).toEqual([]);
    expect(client.dataOf('meta')).toHaveLength(1);
    expect(client.dataOf('log')).toEqual(['{"text":"a note"}']);
    expect(activitiesOf(client).map(({ type }) => type)).toEqual([
      ...['session', 'warning', 'tool_call', 'tool_result', 'text', 'usage'],
    ]);
    expect(await client.exit()).toMatchObject({ outcome: 'succeeded' });
    // A line that tells nothing is only an id.
    const raw = await StreamClient.follow(runner, idOf(client));
    await raw.all();
    const seen = [...client.ids, ...client.openings.slice(1).map(Number)].sort((a, b) => a - b);
    expect(seen).toEqual(raw.ids);
  });

  it('goes on where a client has lost it', async () => {
    const id = await startRun(runner, { user_prompt: says('codex', 'shell') });
    await untilState(runner, id, 'completed');
    const whole = await StreamClient.follow(runner, id, { view: 'activity' });
    await whole.all();
    for (const at of whole.ids.slice(0, -1)) {
      const rest = await StreamClient.follow(runner, id, { view: 'activity', lastEventId: at });
      await rest.all();
      const from = whole.events.findIndex((it) => it.id === String(at)) + 1;
      expect(rest.events).toEqual(whole.events.slice(from));
    }
  });

  it('shows a line of more than a mebibyte as unknown, in a stream that goes on', async () => {
    const long = `printf '{"type":"turn.started","x":"'; head -c 3000000 /dev/zero | tr '\\0' x; echo '"}'`;
    const user_prompt = `${long}; { ${long}; } >&2; ${says('codex', 'plain')}`;
    const client = await StreamClient.open(runner, { user_prompt, view: 'activity' });
    await client.all();
    expect(activitiesOf(client).map(({ type }) => type)).toEqual([
      ...['unknown', 'session', 'warning', 'text', 'usage'],
    ]);
    expect(client.dataOf('log').map((data) => JSON.parse(data).text.length)).toEqual([3_000_030]);
    expect(await client.exit()).toMatchObject({ outcome: 'succeeded' });
  });

  it.each(['raw', 'activity'])('can be asked for in the query too: %s', async (view) => {
    const client = await StreamClient.open(
      runner,
      { user_prompt: says('codex', 'plain') },
      { path: `/run?view=${view}` },
    );
    await client.all();
    expect(client.dataOf('activity').length > 0).toBe(view === 'activity');
  });

  it('is no part of a run: a retry may ask for another one', async () => {
    const headers = { 'idempotency-key': 'views' };
    const user_prompt = says('codex', 'plain');
    const first = await StreamClient.open(
      runner,
      { user_prompt, session_id: 'views', view: 'raw' },
      { headers },
    );
    await first.all();
    const again = await StreamClient.open(
      runner,
      { user_prompt, session_id: 'views', view: 'activity' },
      { headers },
    );
    await again.all();
    expect(idOf(again)).toBe(idOf(first));
    expect(activitiesOf(again)).toContainEqual({ type: 'text', text: 'All is well.' });
  });

  it('is refused under any other name', async () => {
    const refused = { status: 422, body: { code: 'invalid_request', errors: [{ field: 'view' }] } };
    const body = { user_prompt: 'true', view: 'pretty' };
    expect(await ask(runner, 'POST', '/runs', { body })).toMatchObject(refused);
    expect(await ask(runner, 'POST', '/run', { body })).toMatchObject(refused);
    const id = await startRun(runner, { user_prompt: 'true' });
    expect(await ask(runner, 'GET', `/runs/${id}/events?view=pretty`)).toMatchObject(refused);
  });
});

it('the id of an event comes with the last of what is made of it', async () => {
  const shell = join(PROJECT, 'test', 'support', 'shell-agent.sh');
  const runner = await Runner.start({
    FERMILINK_AGENT_PROVIDER: 'opencode',
    FERMILINK_OPENCODE_BIN: shell,
  });
  // It tells of a tool and of what came of it in one line.
  const id = await startRun(runner, { user_prompt: says('opencode', 'shell') });
  await untilState(runner, id, 'completed');
  const follow = async (lastEventId?: number) => {
    const client = await StreamClient.follow(runner, id, { view: 'activity', lastEventId });
    await client.all();
    return client.events;
  };
  const whole = await follow();
  const at = whole.findIndex(({ data }) => data.startsWith('{"type":"tool_call"'));
  const [call, result] = whole.slice(at, at + 2);
  expect(JSON.parse(result!.data)).toMatchObject({ type: 'tool_result', status: 'completed' });
  // Who has lost the connection between the two has seen no id of theirs, and gets both once more.
  expect([call!.id, result!.id]).toEqual([null, String(Number(whole[at - 1]!.id) + 1)]);
  expect(await follow(Number(whole[at - 1]!.id))).toEqual(whole.slice(at));
  expect(await follow(Number(result!.id))).toEqual(whole.slice(at + 2));
  await runner.stop();
});

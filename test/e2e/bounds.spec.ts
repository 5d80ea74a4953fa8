import { eventually, processesWith } from '../support/processes.js';
import { Gate, getRun, startRun, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

let counter = 0;
const uniqueMark = () => `86400.${process.pid}81${(counter += 1)}`;

describe('bounds of a run', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({
      FERMILINK_RUNNER_MAX_OUTPUT_BYTES: String(64 * 1024),
      FERMILINK_RUNNER_STALL_SECONDS: '1',
      FERMILINK_RUNNER_MAX_QUEUE_WAIT_SECONDS: '2',
      FERMILINK_RUNNER_DRAIN_SECONDS: '0',
    });
  });
  afterAll(() => runner.stop());

  const run = (user_prompt: string, more: object = {}) =>
    StreamClient.open(runner, { user_prompt, ...more });
  const idOf = (client: StreamClient) => String(client.response.headers.location).slice(6);
  /** What came of an agent's two pipes, in bytes with the ends of lines. */
  const bytesOf = (client: StreamClient) => {
    const lines = [
      ...client.dataOf('agent'),
      ...client.dataOf('log').map((data) => JSON.parse(data).text as string),
    ];
    return lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
  };

  it.each([
    ['one pipe', 'yes 12345678'],
    ['both pipes', 'yes 12345678 & yes 87654321 >&2; wait'],
    ['a line without an end', `cat /dev/zero | tr '\\0' x`],
  ])('end one that writes too much: %s', async (_name, script) => {
    const mark = uniqueMark();
    const client = await run(`sleep ${mark} & ${script}`);
    expect(await client.exit()).toMatchObject({
      reason: 'output_limit',
      code: null,
      detail: expect.stringContaining('65536 bytes'),
      survivors: 0,
    });
    // All that is allowed came, and not a byte more; a cut line lacks its end.
    expect(bytesOf(client)).toBeGreaterThanOrEqual(64 * 1024);
    expect(bytesOf(client)).toBeLessThanOrEqual(64 * 1024 + 2);
    expect(processesWith(mark)).toEqual([]);
    expect(await getRun(runner, idOf(client))).toMatchObject({ state: 'output_limit' });
  });

  it('do not touch one that writes just as much as it may', async () => {
    const client = await run(`head -c 32768 /dev/zero; head -c 32768 /dev/zero >&2`);
    expect(await client.exit()).toMatchObject({ reason: 'completed' });
    const over = await run(`head -c 32768 /dev/zero; head -c 32769 /dev/zero >&2; sleep 3600`);
    expect(await over.exit()).toMatchObject({ reason: 'output_limit' });
  });

  it('note each silence of an agent once', async () => {
    const [first, second] = [new Gate(runner, 'first'), new Gate(runner, 'second')];
    const client = await run(`echo up; ${first.wait}; echo >&2 again; ${second.wait}; echo end`);
    const stalls = () => client.events.filter(({ event }) => event === 'stalled');
    const { id, data } = await client.waitFor(({ event }) => event === 'stalled');
    expect(Number(id)).toBe(3);
    expect(JSON.parse(data)).toEqual({ silent_seconds: expect.any(Number) });
    expect(JSON.parse(data).silent_seconds).toBeGreaterThanOrEqual(1);
    // The silence goes on for more than another such time, and is the same one.
    const since = Date.now();
    await eventually(
      () => Date.now() - since,
      (age) => age > 1500,
    );
    expect(stalls()).toHaveLength(1);
    first.open();
    await client.waitFor(({ event, id: it }) => event === 'stalled' && it !== id);
    second.open();
    expect(await client.exit()).toMatchObject({ reason: 'completed', code: null });
    expect(client.events.map(({ event }) => event)).toEqual([
      'meta',
      'agent',
      'stalled',
      'log',
      'stalled',
      'agent',
      'runner.exit',
    ]);
    expect(client.ids).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('say of a time that was up whether the agent had fallen silent', async () => {
    const [silent, busy] = await Promise.all([
      run('echo up; sleep 3600', { max_runtime_seconds: 2 }),
      run('while :; do echo tick; sleep 0.1; done', { max_runtime_seconds: 2 }),
    ]);
    expect(await silent.exit()).toMatchObject({ reason: 'timeout', code: 'stalled' });
    expect(await busy.exit()).toMatchObject({
      reason: 'timeout',
      code: null,
      detail: expect.stringContaining('2 seconds'),
    });
    const { started_at, ended_at } = await getRun(runner, idOf(busy));
    expect(Date.parse(ended_at!) - Date.parse(started_at!)).toBeGreaterThanOrEqual(1990);
  });

  it('end one that waits too long, and no other', async () => {
    const gate = new Gate(runner, 'wait');
    const session_id = 'wait';
    const holder = await startRun(runner, { user_prompt: gate.wait, session_id });
    await untilState(runner, holder, 'running');
    const client = await run('echo ran', { session_id });
    await client.waitFor(({ event }) => event === 'queued');
    expect(await client.exit()).toMatchObject({
      reason: 'cancelled',
      code: 'queue_timeout',
      detail: expect.stringContaining('2 seconds'),
      return_code: null,
    });
    const ended = await getRun(runner, idOf(client));
    expect(ended).toMatchObject({ state: 'cancelled', started_at: null });
    expect(Date.parse(ended.ended_at!) - Date.parse(ended.created_at)).toBeGreaterThanOrEqual(1990);
    // One that has its slot is not one that waits.
    expect(await getRun(runner, holder)).toMatchObject({ state: 'running' });
    gate.open();
    await untilState(runner, holder, 'completed');
  });

  it('count the time of a run from its start, not from its arrival', async () => {
    const gate = new Gate(runner, 'late');
    const session_id = 'late';
    const holder = await startRun(runner, { user_prompt: gate.wait, session_id });
    await untilState(runner, holder, 'running');
    const id = await startRun(runner, {
      user_prompt: 'sleep 0.3; echo done',
      session_id,
      max_runtime_seconds: 1,
    });
    const { created_at } = await getRun(runner, id);
    await eventually(
      () => Date.now() - Date.parse(created_at),
      (age) => age > 1100,
    );
    gate.open();
    const run = await untilState(runner, id, 'completed');
    expect(Date.parse(run.started_at!) - Date.parse(created_at)).toBeGreaterThan(1000);
  });
});

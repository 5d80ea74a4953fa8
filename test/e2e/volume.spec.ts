import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { peakMemoryOf } from '../support/processes.js';
import { Runner } from '../support/runner.js';
import { Gate, untilIdle } from '../support/runs.js';
import { StreamClient } from '../support/stream-client.js';

const MIB = 1024 * 1024;

/** What these agents print takes its time on a busy machine; the default limit of a run is 600 s. */
describe('an agent that prints much', () => {
  let runner: Runner;
  beforeEach(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_MAX_LINE_BYTES: String(MIB) });
  });
  afterEach(() => runner.stop());

  const run = (script: string) => StreamClient.open(runner, { user_prompt: script });

  it('has a line cut at the limit, with a note of what was left out, and is kept up with', async () => {
    const client = await run(`head -c 600000000 /dev/zero | tr '\\0' x; echo; echo after`);
    const events = await client.all();
    const [long, after] = events.filter(({ event }) => event === 'agent');
    expect(long!.data).toHaveLength(MIB);
    expect(after!.data).toBe('after');
    const note = JSON.parse(events.find(({ event }) => event === 'log')!.data).text;
    expect(note).toContain(`${600_000_000 - MIB} bytes were left out`);
    expect(await client.exit()).toMatchObject({ reason: 'completed' });
    expect(peakMemoryOf(runner.pid)).toBeLessThan(400 * MIB);
  }, 180_000);

  it('is not held up on one pipe by a line that does not end on the other', async () => {
    const gate = new Gate(runner, 'two-pipes');
    const client = await run(
      `head -c 4000000 /dev/zero | tr '\\0' x; head -c 1000000 /dev/zero | tr '\\0' '\\n' | sed s/^/e/ >&2; ` +
        `${gate.wait}; echo`,
    );
    await client.waitFor(({ event }) => event === 'log');
    gate.open();
    const events = await client.all();
    expect(events.filter(({ data }) => data === '{"text":"e"}')).toHaveLength(1_000_000);
    expect(events.filter(({ event }) => event === 'agent')).toHaveLength(1);
    expect(await client.exit()).toMatchObject({ reason: 'completed' });
  }, 180_000);

  it('loses nothing to a client that reads late, and the server holds none of it in memory', async () => {
    const lines = 500_000;
    const print = (count: number) => `seq -f '%.0f ${'y'.repeat(1000)}' 1 ${count}`;
    // What any output makes the server load, compile and set apart is no cost of how much there is:
    // a heap finds its size over some 100 MB, which is more on newer versions of Node.
    await (await run(print(150_000))).exit();
    const before = peakMemoryOf(runner.pid);
    const response = await openUnread(runner, print(lines));
    // The run ends by itself, although nobody reads.
    await untilIdle(runner, 120);
    let next = 1;
    let last = '';
    for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
      if (!line.startsWith('data: ')) continue;
      if (line.startsWith(`data: ${next} y`)) next += 1;
      last = line;
    }
    expect(next).toBe(lines + 1);
    expect(last).toContain('"reason":"completed"');
    expect(peakMemoryOf(runner.pid) - before).toBeLessThan(64 * MIB);
  }, 240_000);
});

/** Sends a prompt, waits for the headers of the answer, and reads nothing of it. */
async function openUnread(runner: Runner, user_prompt: string): Promise<IncomingMessage> {
  const headers = { 'content-type': 'application/json' };
  const outgoing = request(`${runner.url}/run`, { method: 'POST', agent: false, headers });
  outgoing.end(JSON.stringify({ user_prompt }));
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response;
}

import type { RunEvent, RunOptions, RunStream } from '../../src/client/index.js';
import { RunnerClient, RunnerProblem } from '../../src/client/index.js';
import { CuttingProxy } from '../support/cutting-proxy.js';
import { eventually } from '../support/processes.js';
import { readRun } from '../support/run-follower.js';
import { Runner } from '../support/runner.js';
import { Gate, getRun, untilEnded, untilState } from '../support/runs.js';

const FAST = { delayMs: 5, maxDelayMs: 100, connectSeconds: 30, giveUpSeconds: 60 };

async function taken(stream: RunStream): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}
const logged = (events: RunEvent[]) =>
  events.filter(({ event }) => event !== 'queued' && event !== 'shutdown');
const counted = (length: number) => Array.from({ length }, (_, index) => index + 1);

describe('the client', () => {
  let runner: Runner;
  let proxy: CuttingProxy;
  let client: RunnerClient;

  beforeEach(async () => {
    runner = await Runner.start({ FERMILINK_AGENT_PROVIDER: 'codex' });
    proxy = await CuttingProxy.start(runner.url);
    client = new RunnerClient({ baseUrl: proxy.url });
  });
  afterEach(async () => {
    await proxy.stop();
    await runner.stop();
  });
  const run = (user_prompt: string, options: RunOptions = {}) =>
    client.run({ user_prompt }, { reconnect: FAST, ...options });

  it('sees every event once over connections that are cut anywhere', async () => {
    // From before the headers to the middle of events, again and again.
    proxy.cuts.push(0, 1, 100, ...Array.from({ length: 60 }, (_, index) => 400 + index * 7));
    const stream = run('i=0; while [ $i -lt 150 ]; do echo "line $i äöü"; i=$((i + 1)); done');
    const events = await taken(stream);
    expect(proxy.connections).toBeGreaterThan(15);
    expect(events.map(({ id }) => id)).toEqual(counted(152));
    const { data, exit } = await readRun(runner, stream.runId!);
    expect(events.slice(1, -1).map(({ data: line }) => line)).toEqual(data.slice(1, -1));
    expect(await stream.finished).toEqual(exit);
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
    let runs = 0;
    for await (const _ of client.list()) runs += 1;
    expect(runs).toBe(1);
  });

  it('sees every activity once, also where one line of the agent is several', async () => {
    await runner.stop();
    runner = await Runner.start({
      FERMILINK_AGENT_PROVIDER: 'claude',
      FERMILINK_CLAUDE_BIN: `${process.cwd()}/test/support/shell-agent.sh`,
    });
    proxy.target = runner.url;
    const line = JSON.stringify({
      type: 'assistant',
      message: { content: ['a', 'b', 'c'].map((it) => ({ type: 'text', text: `${it}NUMBER` })) },
    });
    proxy.cuts.push(...Array.from({ length: 30 }, (_, index) => 420 + index * 11));
    const stream = run(
      `i=0; while [ $i -lt 40 ]; do echo '${line}' | sed "s/NUMBER/$i/g"; i=$((i + 1)); done`,
      { view: 'activity' },
    );
    const texts = (await taken(stream)).flatMap((it) =>
      it.event === 'activity' && it.data.type === 'text' ? [it.data.text] : [],
    );
    expect(proxy.connections).toBeGreaterThan(10);
    expect(texts).toEqual(
      Array.from({ length: 40 }, (_, i) => ['a', 'b', 'c'].map((it) => `${it}${i}`)).flat(),
    );
  });

  it('goes on after the server was killed and started again', async () => {
    const gate = new Gate(runner, 'never');
    const stream = run(
      `i=0; while [ ! -e ${gate.path} ]; do echo $i; i=$((i + 1)); sleep 0.02; done`,
    );
    const events: RunEvent[] = [];
    for await (const event of stream) {
      events.push(event);
      if (event.id === 20) {
        await runner.kill();
        proxy.target = null;
        // It is tried in vain before the next server is there.
        const before = proxy.connections;
        void eventually(
          () => proxy.connections,
          (now) => now > before,
        )
          .then(() => runner.startNext())
          .then((next) => {
            runner = next;
            proxy.target = next.url;
          });
      }
    }
    const ids = logged(events).map(({ id }) => id);
    expect(ids).toEqual(counted(ids.length));
    expect(stream.exit).toMatchObject({ reason: 'lost', code: 'server_died' });
    const { data } = await readRun(runner, stream.runId!);
    expect(ids).toHaveLength(data.length);
    expect(events.slice(1, -1).map(({ data: line }) => line)).toEqual(data.slice(1, -1));
  }, 90_000);

  it('waits for a server that starts slowly', async () => {
    proxy.target = null;
    const stream = run('echo hello');
    const first = stream.next();
    await eventually(
      () => proxy.connections,
      (now) => now > 3,
    );
    proxy.target = runner.url;
    expect((await first).value).toMatchObject({ event: 'meta', id: 1 });
    expect(await stream.toEnd()).toMatchObject({ reason: 'completed' });
  });

  it('tells a waiting run its place, and the server that it stops', async () => {
    const gate = new Gate(runner, 'first');
    const first = await client.create({ user_prompt: gate.wait, session_id: 's' });
    await untilState(runner, first.run_id, 'running');
    const stream = client.run({ user_prompt: 'echo second', session_id: 's' }, { reconnect: FAST });
    expect((await stream.next()).value).toMatchObject({
      event: 'queued',
      id: 0,
      data: { position: 1, pending_total: 1 },
    });
    gate.open();
    const events = await taken(stream);
    expect(logged(events).map(({ event }) => event)).toEqual(['meta', 'agent', 'runner.exit']);
  });

  it('leaves a run to its rule, or ends it, when the loop is left', async () => {
    const byRule = run('echo a; sleep 1000');
    for await (const event of byRule) if (event.event === 'agent') break;
    const byWish = run('echo a; sleep 1000', { cancelOnLeave: true });
    for await (const event of byWish) if (event.event === 'agent') break;
    // The end of the one is confirmed by then; the other one's client may come back for a while.
    expect(await getRun(runner, byWish.runId!)).toMatchObject({ code: 'cancel_requested' });
    expect(await getRun(runner, byRule.runId!)).toMatchObject({ state: 'running' });
    await eventually(
      () => proxy.open,
      (now) => now <= 1,
    );
    const again = client.follow(byRule.runId!, { after: byRule.lastEventId });
    const rest = taken(again);
    await byRule.cancel();
    expect((await rest).map(({ event }) => event)).toEqual(['runner.exit']);
    expect(again.exit).toMatchObject({ reason: 'cancelled', code: 'cancel_requested' });
  });

  it('ends a run that it leaves while it has not been named yet', async () => {
    const stream = run('sleep 1000', { cancelOnLeave: true });
    const first = stream.next();
    await stream.return();
    await first;
    const runs: string[] = [];
    for await (const { run_id } of client.list()) runs.push(run_id);
    expect(runs).toHaveLength(1);
    expect(await untilEnded(runner, runs[0]!)).toMatchObject({ reason: 'cancelled' });
  });

  it('gets what is known of runs, and cancels them', async () => {
    const { run_id } = await client.create({ user_prompt: 'sleep 1000', user_id: 'ada' });
    expect(await client.get(run_id, { prompt: true })).toMatchObject({ prompt: 'sleep 1000' });
    expect(await client.admission({ user_id: 'ada' })).toMatchObject({ user_key: 'user:ada' });
    expect(await client.cancel(run_id)).toMatchObject({ state: 'cancelled' });
    const mine: string[] = [];
    for await (const it of client.list({ user_id: 'ada' }, { pageSize: 1 })) mine.push(it.run_id);
    expect(mine).toEqual([run_id]);
  });

  it('makes one run of one key', async () => {
    const runs = await Promise.all(
      [1, 2].map(() => client.create({ user_prompt: 'true' }, { idempotencyKey: 'k' })),
    );
    expect(runs[0]!.run_id).toBe(runs[1]!.run_id);
  });

  it('throws what the server refuses, with all that it says', async () => {
    const error = await run('x'.repeat(10_001))
      .next()
      .catch((it: unknown) => it);
    expect(error).toBeInstanceOf(RunnerProblem);
    expect(error).toMatchObject({
      status: 413,
      code: 'prompt_too_long',
      detail: 'Prompt too long.',
    });
    await expect(client.get('nothing')).rejects.toMatchObject({ code: 'run_not_found' });
    await expect(client.create({ user_prompt: '' })).rejects.toMatchObject({
      status: 422,
      code: 'invalid_request',
      errors: [{ field: 'user_prompt' }],
    });
  });
});

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiContract } from '../support/conformity/api-contract.js';
import type { ApiDocument } from '../support/conformity/document.js';
import { eventually } from '../support/processes.js';
import { isSigned, Receiver, status } from '../support/receiver.js';
import { Runner } from '../support/runner.js';
import { cancelRun, Gate, getRun, startRun, untilEnded, untilState } from '../support/runs.js';

const SECRET = `whsec_${Buffer.from('the key of the test, of enough bytes').toString('base64')}`;
const KEY = Buffer.from(SECRET.slice('whsec_'.length), 'base64');

interface Told {
  id: string;
  type: string;
  created_at: string;
  data: Record<string, unknown>;
}

let receiver: Receiver;
let runner: Runner;
const start = async (env: Record<string, string> = {}) => {
  runner = await Runner.start({
    FERMILINK_RUNNER_WEBHOOK_URL: receiver.url,
    FERMILINK_RUNNER_WEBHOOK_SECRET: SECRET,
    ...env,
  });
};
beforeEach(async () => (receiver = await new Receiver().start()));
afterEach(async () => {
  await runner.stop();
  await receiver.stop();
});

const told = () => receiver.bodies as unknown as Told[];
const untilTold = (id: string) =>
  eventually(
    () => told().find(({ data }) => data.run_id === id),
    (it) => it !== undefined,
  ) as Promise<Told>;
const outbox = () => {
  const folder = join(runner.runtime, 'webhooks');
  return existsSync(folder) ? readdirSync(folder) : [];
};

describe('the webhook', () => {
  it('is told of the end of a run, as GET /runs/{id} has it', async () => {
    await start();
    const body = { user_prompt: 'echo said', session_id: 's', metadata: { a: 1 } };
    const id = await startRun(runner, body);
    const { type, id: messageId, data } = await untilTold(id);
    expect(type).toBe('run.ended');
    expect(data).toEqual(await getRun(runner, id));
    expect(data).toMatchObject({ state: 'completed', metadata: { a: 1 }, session_id: 's' });
    expect(JSON.stringify(data)).not.toContain('echo said');
    const { headers, body: sent } = receiver.received[0]!;
    expect(headers['webhook-id']).toBe(messageId);
    const document = (await (await fetch(`${runner.url}/openapi.json`)).json()) as ApiDocument;
    const contract = new ApiContract(document);
    expect(contract.faultsOfMessage('run.ended', sent)).toEqual([]);
    expect(contract.faultsOfMessage('run.ended', sent.replace('run.ended', 'run'))).not.toEqual([]);
    const described = document.webhooks['run.ended']!.post.parameters.map(({ name }) => name);
    expect(Object.keys(headers).filter((it) => it.startsWith('webhook-'))).toEqual(described);
    expect(isSigned(receiver.received[0]!, KEY)).toBe(true);
    await eventually(outbox, (it) => it.length === 0);
    const metrics = await (await fetch(`${runner.url}/metrics`)).text();
    expect(metrics).toContain('runner_webhook_tries_total{outcome="delivered"} 1');
    expect(metrics).toContain('runner_webhook_pending 0');
  });

  it('is told of every way to end', async () => {
    await start({
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1',
      FERMILINK_RUNNER_MAX_OUTPUT_BYTES: '65536',
    });
    const ends: [prompt: string, state: string, limit?: number][] = [
      ['exit 3', 'completed'],
      ['sleep 60', 'timeout', 1],
      ['head -c 200000 /dev/zero | tr "\\0" a; sleep 60', 'output_limit'],
    ];
    for (const [prompt, state, limit] of ends) {
      const id = await startRun(runner, { user_prompt: prompt, max_runtime_seconds: limit });
      expect((await untilTold(id)).data.state).toBe(state);
    }
    const running = await startRun(runner, { user_prompt: 'sleep 60' });
    const queued = await startRun(runner, { user_prompt: 'sleep 60' });
    await untilState(runner, running, 'running');
    await cancelRun(runner, queued);
    expect((await untilTold(queued)).data).toMatchObject({ state: 'cancelled', started_at: null });
    await cancelRun(runner, running);
    expect((await untilTold(running)).data).toMatchObject({ code: 'cancel_requested' });
  });

  it('is told of a run that could not be started', async () => {
    await start({ FERMILINK_AGENT_SANDBOX_MODE: 'read-only' });
    mkdirSync(join(runner.workspaces, 's'), { recursive: true });
    writeFileSync(join(runner.workspaces, 's', 'repo'), '');
    const id = await startRun(runner, { user_prompt: 'true', session_id: 's' });
    expect((await untilTold(id)).data).toMatchObject({
      state: 'failed',
      code: 'workspace_failed',
      started_at: null,
    });
  });

  it('holds up neither the end nor the slot', async () => {
    receiver.answer = () => undefined;
    await start({ FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1' });
    for (let index = 0; index < 8; index += 1) {
      const id = await startRun(runner, { user_prompt: 'true' });
      await untilEnded(runner, id);
    }
    expect(receiver.mostOpen).toBeLessThanOrEqual(4);
    expect(outbox()).toHaveLength(8);
  });

  it('is told by the next server of what this one could not, with the same id', async () => {
    receiver.answer = () => undefined;
    await start();
    const id = await startRun(runner, { user_prompt: 'true' });
    const { id: messageId } = await untilTold(id);
    await untilEnded(runner, id);
    await runner.kill();
    receiver.answer = status(200);
    runner = await runner.startNext();
    await eventually(outbox, (it) => it.length === 0);
    expect(receiver.received.length).toBeGreaterThan(1);
    expect(new Set(told().map((it) => it.id))).toEqual(new Set([messageId]));
    expect(told().at(-1)!.data.state).toBe('completed');
  });

  it('is told of what a dead server has lost', async () => {
    await start();
    const gate = new Gate(runner, 'started');
    const id = await startRun(runner, { user_prompt: `${gate.pass}; sleep 600` });
    await eventually(
      () => gate.isOpen,
      (it) => it,
    );
    await runner.kill();
    runner = await runner.startNext();
    expect((await untilTold(id)).data).toMatchObject({ state: 'lost', code: 'server_died' });
    expect(told()).toHaveLength(1);
  });

  it('is told once where the server dies right behind the end', async () => {
    receiver.answer = status(500);
    await start();
    const ids = await Promise.all(
      Array.from({ length: 5 }, () => startRun(runner, { user_prompt: 'true' })),
    );
    // Without waiting for anything but the first of the ends.
    await untilEnded(runner, ids[0]!);
    await runner.kill();
    receiver.answer = status(200);
    const before = receiver.received.length;
    runner = await runner.startNext();
    for (const id of ids) await untilEnded(runner, id);
    await eventually(outbox, (it) => it.length === 0);
    const delivered = receiver.bodies.slice(before) as unknown as Told[];
    const states = await Promise.all(ids.map((id) => getRun(runner, id)));
    for (const { run_id: id, state } of states) {
      expect(delivered.find(({ data }) => data.run_id === id)?.data.state).toBe(state);
    }
  });

  it.each([
    ['this', false],
    ['the next', true],
  ])('is told by %s server where there was no room to note it', async (_which, dies) => {
    await start();
    const gate = new Gate(runner, 'open');
    const id = await startRun(runner, { user_prompt: gate.wait });
    await untilState(runner, id, 'running');
    const obstacle = join(runner.runtime, 'webhooks');
    writeFileSync(obstacle, '');
    gate.open();
    await untilEnded(runner, id);
    if (dies) await runner.kill();
    rmSync(obstacle);
    if (dies) runner = await runner.startNext();
    expect((await untilTold(id)).data).toMatchObject({ state: 'completed' });
    // From then on it is done with.
    await eventually(
      () => existsSync(join(runner.runtime, 'ended', `${id}.json`)),
      (it) => it,
    );
    await eventually(outbox, (it) => it.length === 0);
    await runner.kill();
    runner = await runner.startNext();
    await untilEnded(runner, await startRun(runner, { user_prompt: 'true' }));
    await eventually(outbox, (it) => it.length === 0);
    expect(told().filter(({ data }) => data.run_id === id)).toHaveLength(1);
  });

  it('stays to be told while the server drains and stops', async () => {
    receiver.answer = status(503);
    await start();
    const id = await startRun(runner, { user_prompt: 'sleep 600' });
    await untilState(runner, id, 'running');
    await cancelRun(runner, id);
    expect(await runner.terminate()).toBe(0);
    expect(outbox()).toHaveLength(1);
    receiver.answer = status(200);
    runner = await runner.startNext();
    await eventually(outbox, (it) => it.length === 0);
    expect(told().at(-1)!.data.run_id).toBe(id);
  });

  it('is told also of a run that is kept no more', async () => {
    receiver.answer = status(500);
    await start({ FERMILINK_RUNNER_RETAIN_RUNS_HOURS: '0' });
    const id = await startRun(runner, { user_prompt: 'true' });
    await untilTold(id);
    await eventually(
      async () => (await fetch(`${runner.url}/runs/${id}`)).status,
      (it) => it === 404,
      60,
    );
    receiver.answer = status(200);
    await runner.terminate();
    runner = await runner.startNext();
    await eventually(outbox, (it) => it.length === 0);
    expect(told().at(-1)!.data).toMatchObject({ run_id: id, state: 'completed' });
  });

  it('is not known to agents, and its secret is not shown', async () => {
    await start();
    const prompt = `env | grep -c WEBHOOK; echo ${SECRET}`;
    const id = await startRun(runner, { user_prompt: prompt });
    await untilTold(id);
    const events = await (await fetch(`${runner.url}/runs/${id}/events`)).text();
    expect(events).toContain('data: 0\n');
    expect(events).not.toContain(SECRET);
  });
});

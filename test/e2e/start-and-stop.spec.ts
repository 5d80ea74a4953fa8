import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { eventually, processesWith } from '../support/processes.js';
import { Gate, startRun, untilState } from '../support/runs.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

describe('starting and stopping the server', () => {
  it('names every fault of the environment at once and exits with 1', async () => {
    const runner = Runner.spawn({
      FERMILINK_RUNNER_PORT: 'eighty',
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '0',
      FERMILINK_AGENT_SANDBOX_MODE: 'anything',
      FERMILINK_CODEX_BIN: '/tmp',
    });
    await runner.closed;
    expect(runner.process.exitCode).toBe(1);
    expect(runner.logLines.map(({ msg }) => msg)).toEqual([
      'FERMILINK_RUNNER_PORT is "eighty", but it must be a whole number from 0 to 65535.',
      'FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS is "0", but it must be a whole number from 1 to 10000000.',
      'FERMILINK_AGENT_SANDBOX_MODE is "anything", but it must be one of: read-only, workspace-write.',
      'FERMILINK_CODEX_BIN is "/tmp", but it must be an executable file.',
    ]);
    await runner.stop();
  });

  it('says that the chosen CLI is missing, and how to name it, and exits with 1', async () => {
    const runner = Runner.spawn({ FERMILINK_CODEX_BIN: '', PATH: '' });
    await runner.closed;
    expect(runner.process.exitCode).toBe(1);
    expect(runner.logLines.map(({ msg }) => msg)).toEqual([
      'The CLI of codex was not found; install it, or name it in FERMILINK_CODEX_BIN.',
    ]);
    await runner.stop();
  });

  it('says that a port is taken and exits with 1', async () => {
    const first = await Runner.start();
    const second = Runner.spawn({ FERMILINK_RUNNER_PORT: new URL(first.url).port });
    await second.closed;
    expect(second.process.exitCode).toBe(1);
    expect(second.logLines.map(({ msg }) => msg)).toEqual([
      `FERMILINK_RUNNER_PORT is "${new URL(first.url).port}", but it must be a port that no other program listens on; 0 takes a free one.`,
    ]);
    await second.stop();
    await first.stop();
  });

  it('starts nothing of what waits where its port is taken', async () => {
    const first = await Runner.start();
    const gate = new Gate(first, 'gate');
    const held = await startRun(first, { user_prompt: gate.wait, session_id: 's' });
    await untilState(first, held, 'running');
    const waits = await startRun(first, { user_prompt: 'echo x >> outputs/n', session_id: 's' });
    await first.kill();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const second = Runner.spawn({ FERMILINK_RUNNER_PORT: String(port) }, first.home);
    await second.closed;
    expect(second.process.exitCode).toBe(1);
    const count = join(first.repo('s'), 'outputs', 'n');
    expect(existsSync(count)).toBe(false);
    other.close();
    const third = await first.startNext();
    await untilState(third, waits, 'completed');
    expect(readFileSync(count, 'utf8')).toBe('x\n');
    await third.stop();
  });

  it('falls back to ./workspaces where the root cannot be made', async () => {
    const home = temporaryFolder();
    writeFileSync(join(home, 'file'), '');
    const runner = await Runner.start({ FERMILINK_WORKSPACES_ROOT: join(home, 'file', 'x') }, home);
    const client = await StreamClient.open(runner, { user_prompt: 'pwd', session_id: 's' });
    const agent = (await client.all()).find(({ event }) => event === 'agent');
    expect(agent?.data).toBe(join(home, 'workspaces', 's', 'repo'));
    await runner.stop();
  });

  it('ends every agent on SIGTERM, tells the clients, and exits with 0', async () => {
    const mark = `86400.${process.pid}77`;
    const runner = await Runner.start({
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '2',
      FERMILINK_RUNNER_DRAIN_SECONDS: '0',
    });
    const running = [];
    for (const user_prompt of [`echo up; sleep ${mark}`, `echo up; setsid sleep ${mark} & wait`]) {
      const client = await StreamClient.open(runner, { user_prompt });
      await client.waitFor(({ data }) => data === 'up');
      running.push(client);
    }
    const queued = await StreamClient.open(runner, { user_prompt: 'echo never' });
    await queued.waitFor(({ event }) => event === 'queued');
    const exited = once(runner.process, 'exit');
    runner.process.kill('SIGTERM');
    for (const client of [...running, queued]) {
      expect(await client.exit()).toMatchObject({ reason: 'cancelled', code: 'draining' });
    }
    expect(await exited).toEqual([0, null]);
    expect(processesWith(mark)).toEqual([]);
    await runner.stop();
  });

  it('answers 503 while it stops, and kills at once on the second signal', async () => {
    const mark = `86400.${process.pid}78`;
    const runner = await Runner.start({ FERMILINK_RUNNER_DRAIN_SECONDS: '0' });
    const stubborn = await StreamClient.open(runner, {
      user_prompt: `trap '' INT TERM; echo up; while :; do sleep ${mark}; done`,
    });
    await stubborn.waitFor(({ data }) => data === 'up');
    runner.process.kill('SIGTERM');
    await runner.logged((line) => line.msg === 'stopping');
    const ready = await fetch(`${runner.url}/health/ready`);
    expect(ready.status).toBe(503);
    expect((await fetch(`${runner.url}/health/live`)).status).toBe(200);
    const refused = await StreamClient.open(runner, { user_prompt: 'true' });
    expect(refused.status).toBe(503);
    expect(Number(refused.response.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(await refused.json()).toMatchObject({ code: 'draining' });
    const exited = once(runner.process, 'exit');
    runner.process.kill('SIGTERM');
    expect((await exited)[0]).toBe(1);
    await eventually(
      () => processesWith(mark),
      (pids) => pids.length === 0,
    );
    await runner.stop();
  });
});

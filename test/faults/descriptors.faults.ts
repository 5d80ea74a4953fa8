import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { FAULTY } from '../support/faulty.js';
import { report } from '../support/form.js';
import { newMark } from '../support/marks.js';
import { AS_NOBODY, NOBODY } from '../support/nobody.js';
import { descriptorsOf, eventually, processesWith } from '../support/processes.js';
import { readRun } from '../support/run-follower.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { cancelRun, getRun, startRun, untilEnded, untilIdle, untilState } from '../support/runs.js';

/** A connection that is open already, and stays: it needs no new descriptor of the server. */
class OpenConnection {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(private readonly runner: Runner) {}

  ask(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; text: string; json: Record<string, unknown> }> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        this.runner.url + path,
        { method, agent: this.agent, headers: { 'content-type': 'application/json' } },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              text,
              json: JSON.parse(text) as Record<string, unknown>,
            }),
          );
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

/** @param launcher makes who asks the user whose process it is */
function limit(pid: number, resource: string, launcher: readonly string[] = []): void {
  const [program, ...args] = [...launcher, 'prlimit', '--pid', String(pid), `--${resource}`];
  execFileSync(program, args);
}

describe('a server that has run out of', () => {
  it('descriptors refuses or fails runs by their code, ends those that live, and recovers', async () => {
    const mark = newMark();
    const runner = await Runner.start(FAULTY);
    const connection = new OpenConnection(runner);
    await connection.ask('GET', '/health/live');
    const live = await startRun(runner, { user_prompt: `own_session ${mark}` });
    await eventually(
      () => processesWith(mark),
      (pids) => pids.length > 0,
    );
    // The soft limit alone: no descriptor is taken away, and no new one is given.
    limit(runner.pid, `nofile=${descriptorsOf(runner.pid)}:4096`);
    const { status, json } = await connection.ask('POST', '/runs', { user_prompt: 'echo never' });
    let run = json;
    if (status === 202) {
      run = await eventually(
        async () => (await connection.ask('GET', `/runs/${String(json.run_id)}`)).json,
        (it) => it.ended_at !== null,
      );
      expect(run.state).toBe('failed');
    } else expect(status).toBe(503);
    expect(run.code).toBe('too_many_files');
    // The server itself has met the fault, and says that it is not ready.
    await runner.logged((line) => JSON.stringify(line).includes('EMFILE'));
    const notReady = await connection.ask('GET', '/health/ready');
    report('no descriptors', { status, code: run.code, ready: notReady.status });
    expect(notReady.status).toBe(503);
    const cancelled = await connection.ask('POST', `/runs/${live}/cancel`);
    expect(cancelled.json.state).toBe('cancelled');
    expect(processesWith(mark)).toEqual([]);

    limit(runner.pid, 'nofile=4096:4096');
    const next = await startRun(runner, { user_prompt: 'echo again' });
    expect((await untilEnded(runner, next)).state).toBe('completed');
    expect((await readRun(runner, live)).violations).toEqual([]);
    await eventually(
      async () => (await connection.ask('GET', '/health/ready')).status,
      (it) => it === 200,
    );
    connection.close();
    await runner.stop();
  }, 60_000);

  it('processes fails runs with spawn_failed, goes on, and recovers', async () => {
    const home = temporaryFolder();
    chownSync(home, NOBODY, NOBODY);
    const runner = await Runner.start(FAULTY, home, AS_NOBODY);
    expect(execFileSync('stat', ['--format=%u', `/proc/${runner.pid}`], { encoding: 'utf8' })).toBe(
      `${NOBODY}\n`,
    );
    // Git has made the repository that later ones are copied from.
    expect((await untilEnded(runner, await startRun(runner, { user_prompt: 'true' }))).state).toBe(
      'completed',
    );
    const quiet = await startRun(runner, { user_prompt: 'exec sleep 3600' });
    await untilState(runner, quiet, 'running');
    limit(runner.pid, 'nproc=1:4096', AS_NOBODY);
    const failed = await untilEnded(runner, await startRun(runner, { user_prompt: 'echo never' }));
    expect(failed).toMatchObject({ state: 'failed', code: 'spawn_failed' });
    await runner.logged((line) => JSON.stringify(line).includes('EAGAIN'));
    const ready = await fetch(`${runner.url}/health/ready`);
    expect([ready.status, await ready.text()]).toEqual([
      503,
      expect.stringContaining('no more processes'),
    ]);
    // What lives goes on, and can be ended.
    expect((await getRun(runner, quiet)).state).toBe('running');
    expect((await cancelRun(runner, quiet)).body.state).toBe('cancelled');
    limit(runner.pid, 'nproc=4096:4096', AS_NOBODY);
    const next = await startRun(runner, { user_prompt: 'echo again' });
    expect((await untilEnded(runner, next)).state).toBe('completed');
    expect((await fetch(`${runner.url}/health/ready`)).status).toBe(200);
    await untilIdle(runner);
    await runner.stop();
  }, 60_000);

  it('connections, 1,100 of which say nothing, still ends agents, and serves when they have gone', async () => {
    const mark = newMark();
    const runner = await Runner.start(
      { ...FAULTY, FERMILINK_RUNNER_MAX_RUNTIME_SECONDS: '5' },
      undefined,
      ['prlimit', '--nofile=1024:1024'],
    );
    const ids = await Promise.all(
      Array.from({ length: 10 }, () => startRun(runner, { user_prompt: `own_session ${mark}` })),
    );
    await eventually(
      () => processesWith(mark).length,
      (count) => count >= 10,
    );
    const port = Number(new URL(runner.url).port);
    const sockets: Socket[] = [];
    for (let index = 0; index < 1100; index += 1) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      sockets.push(socket);
      await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
    }
    // The connections have their share of the descriptors, and no more is left to them.
    const most = await eventually(
      () => descriptorsOf(runner.pid),
      (count) => count >= 1024 * 0.6,
    );
    // Those that the kernel has taken for it meanwhile are closed in their turn.
    await eventually(
      () => sockets.filter(({ destroyed }) => !destroyed).length,
      (count) => count < 1024 * 0.65,
    );
    // Nobody can ask the server now; that the agents end is what can be seen.
    await eventually(
      () => processesWith(mark),
      (pids) => pids.length === 0,
      30,
    );
    expect(runner.process.exitCode).toBeNull();
    report('idle connections', { sockets: sockets.length, descriptors: most });
    for (const socket of sockets) socket.destroy();
    await eventually(
      () => descriptorsOf(runner.pid),
      (count) => count < 200,
    );
    for (const id of ids) {
      expect((await untilEnded(runner, id)).state).toBe('timeout');
      const { violations, exit } = await readRun(runner, id);
      expect([violations, exit?.survivors]).toEqual([[], 0]);
    }
    expect(runner.stderr).toBe('');
    expect(await runner.stop()).toBe(0);
  }, 90_000);
});

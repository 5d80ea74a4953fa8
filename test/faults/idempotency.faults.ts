import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FAULTY } from '../support/faulty.js';
import { report } from '../support/form.js';
import { readRun } from '../support/run-follower.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { Gate, getRun, postRun, startRun, untilEnded, untilState } from '../support/runs.js';

/** Leaves a line for every time that it is started. */
const counted = (gate: Gate) => `echo once >> outputs/starts; ${gate.wait}`;

describe('an Idempotency-Key', () => {
  const starts = (runner: Runner, session: string) =>
    readFileSync(join(runner.repo(session), 'outputs', 'starts'), 'utf8');

  it('that 200 requests bring at once for the first time makes one run', async () => {
    const runner = await Runner.start(FAULTY);
    const gate = new Gate(runner, 'first-uses');
    const body = {
      user_prompt: counted(gate),
      session_id: 'first-uses',
      on_disconnect: 'continue',
    };
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'one' };
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const path = index % 2 === 0 ? '/runs' : '/run';
        const answer = await fetch(runner.url + path, {
          method: 'POST',
          headers,
          body: JSON.stringify(body),
        });
        const location = answer.headers.get('location');
        if (path === '/runs') {
          const { run_id } = (await answer.json()) as { run_id: string };
          expect([answer.status, location]).toEqual([202, `/runs/${run_id}`]);
        } else {
          expect(answer.status).toBe(200);
        }
        return { location, text: path === '/run' ? answer.text() : Promise.resolve(null) };
      }),
    );
    expect(new Set(answers.map(({ location }) => location)).size).toBe(1);
    const id = answers[0]!.location!.slice('/runs/'.length);
    gate.open();
    await untilEnded(runner, id);
    const streams = (await Promise.all(answers.map(({ text }) => text))).filter(
      (it) => it !== null,
    );
    // Every stream is the whole run, though queued notices differ from one to another.
    for (const stream of streams) expect(stream.match(/^event: runner\.exit$/gm)).toHaveLength(1);
    expect(starts(runner, 'first-uses')).toBe('once\n');
    const { runs } = (await runner.getJson('/runs')) as { runs: unknown[] };
    expect(runs).toHaveLength(1);
    report('first uses', { requests: answers.length, runs: runs.length });
    await runner.stop();
  }, 60_000);

  it('is joined at every moment of its run, through restart and crash as well', async () => {
    const home = temporaryFolder();
    const root = join(home, 'fermilink', 'scientific_packages');
    mkdirSync(join(home, 'maxwelllink'));
    mkdirSync(root, { recursive: true });
    const settings = {
      ...FAULTY,
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1',
      FERMILINK_MAXWELLLINK_ROOT: join(home, 'maxwelllink'),
    };
    let runner = await Runner.start(settings, home);
    const moments: string[] = [];
    const gate = new Gate(runner, 'retried');
    const body = { user_prompt: counted(gate), session_id: 'retried' };
    const send = (more: object = {}) =>
      postRun(runner, { ...body, ...more }, { 'idempotency-key': 'k' });
    /** Ten retries at once, and one with another body, find the run in the state that it is in. */
    const retry = async (id: string, moment: string, state: string) => {
      expect((await getRun(runner, id)).state).toBe(state);
      for (const { status, body: run } of await Promise.all(
        Array.from({ length: 10 }, () => send()),
      ))
        expect([moment, status, run.run_id]).toEqual([moment, 202, id]);
      expect(await send({ user_prompt: 'another' })).toMatchObject({
        status: 422,
        body: { code: 'idempotency_key_reused' },
      });
      moments.push(moment);
    };

    const blocker = await startRun(runner, {
      user_prompt: 'sleep 3600',
      session_id: 'blocker',
    });
    await untilState(runner, blocker, 'running');
    const first = await send();
    const id = String(first.body.run_id);
    await retry(id, 'queued', 'queued');
    await runner.kill();
    // Another program holds the registry, which every preparation writes to for this package.
    const holder = spawn('flock', [join(root, '.registry.lock'), 'sh', '-c', 'echo held; cat']);
    await once(holder.stdout, 'data');
    runner = await Runner.start(settings, home);
    expect((await untilEnded(runner, blocker)).state).toBe('lost');
    await untilState(runner, id, 'preparing');
    await retry(id, 'preparing', 'preparing');
    holder.stdin.end();
    await untilState(runner, id, 'running');
    await retry(id, 'running', 'running');
    gate.open();
    expect((await untilEnded(runner, id)).state).toBe('completed');
    await retry(id, 'ended', 'completed');
    expect(await runner.terminate()).toBe(0);
    runner = await Runner.start(settings, home);
    await retry(id, 'after a restart', 'completed');
    await runner.kill();
    runner = await Runner.start(settings, home);
    await retry(id, 'after a crash', 'completed');
    expect(starts(runner, 'retried')).toBe('once\n');
    // A client that has it whole is told so; one that has a part gets the rest.
    const { lastId } = await readRun(runner, id);
    const statuses = await Promise.all(
      [lastId, 1].map(async (after) => {
        const answer = await fetch(`${runner.url}/run`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'idempotency-key': 'k',
            'last-event-id': String(after),
          },
          body: JSON.stringify(body),
        });
        return [answer.status, (await answer.text()).includes('runner.exit')];
      }),
    );
    expect(statuses).toEqual([
      [204, false],
      [200, true],
    ]);
    report('retries', { moments });
    await runner.stop();
  }, 60_000);
});

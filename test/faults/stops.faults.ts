import { connect } from 'node:net';
import { constants } from 'node:os';
import { FAULTY } from '../support/faulty.js';
import { inForm } from '../support/form.js';
import { newMark } from '../support/marks.js';
import { eventually, kinship, processesWith } from '../support/processes.js';
import { readRun, RunFollower } from '../support/run-follower.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import {
  Gate,
  getRun,
  postRun,
  startRun,
  untilEnded,
  untilRun,
  untilState,
} from '../support/runs.js';

const SLOTS = inForm(20, 6);

describe('SIGTERM under load', () => {
  const settings = (more: Record<string, string>) => ({
    ...FAULTY,
    FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: String(SLOTS),
    ...more,
  });

  /** Fills the slots with one kind of agent and puts six runs behind them, of both kinds. */
  const fill = async (runner: Runner, prompt: string) => {
    const live: string[] = [];
    for (let index = 0; index < SLOTS; index += 1)
      live.push(await startRun(runner, { user_prompt: prompt }));
    for (const id of live) await untilState(runner, id, 'running');
    const waiting: Record<'continue' | 'cancel', string[]> = { continue: [], cancel: [] };
    for (let index = 0; index < 3; index += 1) {
      for (const on_disconnect of ['continue', 'cancel'] as const) {
        waiting[on_disconnect].push(
          await startRun(runner, {
            user_prompt: 'echo it ran',
            on_disconnect,
            session_id: `q-${on_disconnect}`,
          }),
        );
      }
    }
    const followers = [...live, ...waiting.cancel, ...waiting.continue].map(
      (id) => new RunFollower(id),
    );
    const following = followers.map((it) => it.follow(runner));
    await eventually(
      () => followers.slice(0, SLOTS).every(({ lastId }) => lastId > 1),
      (all) => all,
    );
    return { live, waiting, followers, following };
  };

  /** The next server finds both kinds of waiting runs as they should be. */
  const checkNext = async (home: string, waiting: Record<'continue' | 'cancel', string[]>) => {
    const next = await Runner.start(settings({}), home);
    for (const id of waiting.cancel) {
      expect(await getRun(next, id)).toMatchObject({ state: 'cancelled', code: 'draining' });
    }
    for (const id of waiting.continue) {
      expect((await untilEnded(next, id)).state).toBe('completed');
      expect((await readRun(next, id)).data[1]).toBe('it ran');
    }
    await next.stop();
  };

  it('lets agents that end in time end, and leaves what waits to the next server', async () => {
    const home = temporaryFolder();
    const runner = await Runner.start(settings({ FERMILINK_RUNNER_DRAIN_SECONDS: '60' }), home);
    const gate = new Gate(runner, 'end');
    const prompt = `echo up; ${gate.wait}; echo in time`;
    const { live, waiting, followers, following } = await fill(runner, prompt);
    const ended = runner.terminate();
    await runner.logged((line) => line.msg === 'stopping');
    // It is still there, serves what it knows, and takes nothing new.
    expect((await fetch(`${runner.url}/health/ready`)).status).toBe(503);
    expect((await postRun(runner, { user_prompt: 'true' })).body.code).toBe('draining');
    expect((await getRun(runner, live[0]!)).state).toBe('running');
    await Promise.all(
      waiting.cancel.map((id) => untilRun(runner, id, ({ code }) => code === 'draining')),
    );
    gate.open();
    expect(await ended).toBe(0);
    await Promise.all(following);
    for (const { runId, data, exit, violations } of followers.slice(0, SLOTS)) {
      expect(violations).toEqual([]);
      expect([runId, exit?.reason, data.at(-2)]).toEqual([runId, 'completed', 'in time']);
    }
    expect(runner.stderr).toBe('');
    await checkNext(home, waiting);
  }, 120_000);

  it('kills agents that do not end, and says so to whoever follows', async () => {
    const home = temporaryFolder();
    const mark = newMark();
    const runner = await Runner.start(settings({ FERMILINK_RUNNER_DRAIN_SECONDS: '1' }), home);
    const { live, waiting, followers, following } = await fill(runner, `ignores ${mark}`);
    for (const pid of processesWith(mark)) {
      expect(kinship(pid).ignores(constants.signals.SIGINT)).toBe(true);
      expect(kinship(pid).ignores(constants.signals.SIGTERM)).toBe(true);
    }
    expect(processesWith(mark).length).toBeGreaterThanOrEqual(SLOTS);
    expect(await runner.terminate()).toBe(0);
    expect(processesWith(mark)).toEqual([]);
    await Promise.all(following);
    for (const { runId, exit, violations } of followers.filter((it) => live.includes(it.runId))) {
      expect(violations).toEqual([]);
      expect([runId, exit?.reason, exit?.code, exit?.killed]).toEqual([
        runId,
        'cancelled',
        'draining',
        true,
      ]);
    }
    expect(runner.stderr).toBe('');
    await checkNext(home, waiting);
  }, 120_000);

  it('does not wait for clients that read nothing', async () => {
    const runner = await Runner.start(settings({}));
    const id = await startRun(runner, { user_prompt: 'lines 100000000 500' });
    const socket = connect(Number(new URL(runner.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(`GET /runs/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await untilRun(runner, id, ({ last_event_id }) => last_event_id > 50_000);
    // The system takes no more for it.
    const sent = socket.bytesRead;
    expect(sent).toBeLessThan(1_000_000);
    const began = performance.now();
    expect(await runner.terminate()).toBe(0);
    expect(performance.now() - began).toBeLessThan(20_000);
    socket.destroy();
    await runner.stop();
  }, 60_000);
});

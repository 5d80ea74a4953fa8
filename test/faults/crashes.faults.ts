import { setTimeout as pause } from 'node:timers/promises';
import { FAULTY } from '../support/faulty.js';
import { inForm, report } from '../support/form.js';
import { newMark } from '../support/marks.js';
import { eventually, textsInCommandLines } from '../support/processes.js';
import { printedRandomNumbers } from '../support/random.js';
import { readRun, RunFollower } from '../support/run-follower.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { getRun, postRun, startRun, untilEnded, untilIdle, untilState } from '../support/runs.js';

const CRASHES = inForm(50, 6);
const RUNS = 20;
const SLOTS = 15;
/** Seconds within which the next start has to serve; a machine that has other things to do is slower. */
const START_SECONDS = inForm(3, 10);
const SETTINGS = { ...FAULTY, FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: String(SLOTS) };

interface Load {
  followers: RunFollower[];
  /** Of each run, the processes that must not outlive it. */
  marks: Map<string, string>;
  following: Promise<unknown>[];
}

describe('a server that is killed at random moments under load', () => {
  const random = printedRandomNumbers();
  const home = temporaryFolder();
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start(SETTINGS, home);
  });
  afterAll(() => runner.stop());

  /** Starts runs of every kind, more than there are slots, each with somebody who follows it. */
  const load = async (): Promise<Load> => {
    const marks = new Map<string, string>();
    const ids = await Promise.all(
      Array.from({ length: RUNS }, async (_, index) => {
        const mark = newMark();
        const seconds = (random() * 1.5).toFixed(2);
        const prompt =
          index % 3 === 0
            ? `setsid sleep ${mark} & i=0; while :; do i=$((i+1)); echo "$i"; sleep 0.02; done`
            : `sleep ${mark} & trap '' PIPE; lines 1000 100; sleep ${seconds}; lines 200 300; echo done`;
        const id = await startRun(runner, { user_prompt: prompt, max_runtime_seconds: 2 });
        marks.set(id, mark);
        return id;
      }),
    );
    const followers = ids.map((id) => new RunFollower(id));
    return { followers, marks, following: followers.map((it) => it.follow(runner)) };
  };

  /** Starts the next server, which may be killed in its turn before it serves. */
  const restart = async (): Promise<number> => {
    while (random() < 0.25) {
      const unlucky = Runner.spawn(SETTINGS, home);
      await pause(random() * 700);
      await unlucky.kill();
    }
    const began = performance.now();
    runner = await Runner.start(SETTINGS, home);
    const ready = await fetch(`${runner.url}/health/ready`);
    expect(ready.status).toBe(200);
    return (performance.now() - began) / 1000;
  };

  it(
    `${CRASHES} times loses nothing, repeats nothing, leaves nothing`,
    async () => {
      const seen = { lost: 0, queued: 0, ended: 0, orphansOfCrashes: 0, events: 0 };
      let slowest = 0;
      for (let crash = 0; crash < CRASHES; crash += 1) {
        const { followers, marks, following } = await load();
        // A crash before any agent has been started is the exception, not the rule.
        const started = () => followers.filter(({ lastId }) => lastId > 0).length;
        const few = Math.floor(random() * SLOTS);
        await eventually(started, (count) => count >= few, 60);
        await pause(random() ** 2 * 2000);
        const before = await Promise.all(
          followers.map(async ({ runId }) => [runId, await getRun(runner, runId)] as const),
        );
        await runner.kill();
        await Promise.all(following);
        // The fault is there: agents have outlived their server.
        seen.orphansOfCrashes += textsInCommandLines([...marks.values()]).length;
        const had = new Map(followers.map((it) => [it.runId, [...it.data]]));
        slowest = Math.max(slowest, await restart());
        const alive = textsInCommandLines([...marks.values()]);

        for (const [id, { state, started_at: startedAt }] of before) {
          const now = await getRun(runner, id);
          const follower = followers.find(({ runId }) => runId === id)!;
          if (startedAt !== null && now.state === 'lost') {
            seen.lost += 1;
            // Of what had been started nothing is left when the next server serves.
            expect(alive).not.toContain(marks.get(id));
          } else if (state === 'queued') seen.queued += 1;
          else seen.ended += 1;
          const hadEnd = follower.exit !== null;
          if (!hadEnd) await follower.followToEnd(runner);
          seen.events += follower.lastId;
          expect([id, follower.violations]).toEqual([id, []]);
          // Whoever comes later reads the same, also what was seen before the crash.
          const whole = await readRun(runner, id);
          expect([id, whole.violations]).toEqual([id, []]);
          expect(whole.data.slice(0, had.get(id)!.length)).toEqual(had.get(id));
          expect(whole.data).toEqual(follower.data);
          expect(whole.data.filter((it) => it.startsWith('{"run_id"'))).toHaveLength(1);
          const { state: end, last_event_id } = await getRun(runner, id);
          expect([id, last_event_id]).toEqual([id, whole.lastId]);
          // A run that waited with "continue" has run; one that had started has not run again.
          if (state === 'queued') expect(['completed', 'timeout']).toContain(end);
          expect(['completed', 'timeout', 'lost']).toContain(end);
          if (end !== 'lost') expect(whole.data[0]).toContain('"agent"');
        }
        await untilIdle(runner);
        expect(textsInCommandLines([...marks.values()])).toEqual([]);
      }
      report('crashes', { ...seen, slowestStartSeconds: Number(slowest.toFixed(2)) });
      expect(seen.orphansOfCrashes).toBeGreaterThan(CRASHES);
      for (const count of [seen.lost, seen.queued]) expect(count).toBeGreaterThan(CRASHES / 2);
      expect(slowest).toBeLessThan(START_SECONDS);
    },
    CRASHES * 30_000,
  );

  it('in the middle of a flood has every event that a client has seen', async () => {
    const id = await startRun(runner, { user_prompt: 'lines 100000000 200' });
    const follower = new RunFollower(id);
    const following = follower.follow(runner);
    await eventually(
      () => follower.lastId,
      (it) => it > inForm(50_000, 10_000),
    );
    await runner.kill();
    await following;
    const had = follower.data.length;
    runner = await Runner.start(SETTINGS, home);
    expect((await untilEnded(runner, id)).state).toBe('lost');
    await follower.followToEnd(runner);
    expect(follower.violations).toEqual([]);
    expect(follower.data.slice(1, -1).every((it, index) => it.startsWith(`${index + 1} `))).toBe(
      true,
    );
    report('crash in a flood', { had, kept: follower.lastId });
  }, 60_000);

  it('keeps the order of those that wait', async () => {
    const blockers = await Promise.all(
      Array.from({ length: SLOTS }, (_, index) =>
        startRun(runner, { user_prompt: `sleep 3600`, session_id: `blocker-${index}` }),
      ),
    );
    for (const id of blockers) await untilState(runner, id, 'running');
    const waiting: string[] = [];
    for (let index = 0; index < 10; index += 1) {
      waiting.push(
        await startRun(runner, { user_prompt: 'date +%s%N', session_id: `one-session` }),
      );
    }
    const refused = await postRun(runner, { user_prompt: 'true', on_disconnect: 'cancel' });
    expect(refused.status).toBe(202);
    expect((await getRun(runner, waiting[0]!)).state).toBe('queued');
    await runner.kill();
    runner = await Runner.start(SETTINGS, home);
    for (const id of blockers) expect((await untilEnded(runner, id)).state).toBe('lost');
    // One that waited for a client of the dead server is lost.
    expect((await untilEnded(runner, String(refused.body.run_id))).state).toBe('lost');
    const times: number[] = [];
    for (const id of waiting) {
      expect((await untilEnded(runner, id)).state).toBe('completed');
      times.push(Number((await readRun(runner, id)).data[1]));
    }
    expect([...times].sort((a, b) => a - b)).toEqual(times);
  }, 60_000);
});

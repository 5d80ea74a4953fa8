import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FAULTY } from '../support/faulty.js';
import { inForm, report } from '../support/form.js';
import { newMark } from '../support/marks.js';
import { descriptorsOf, eventually, memoryOf, processesWith } from '../support/processes.js';
import { printedRandomNumbers } from '../support/random.js';
import { RunFollower } from '../support/run-follower.js';
import { Runner } from '../support/runner.js';
import { cancelRun, startRun, untilEnded, untilIdle } from '../support/runs.js';

const MIB = 1024 * 1024;
const SECONDS = Number(process.env.FAULTS_SOAK_SECONDS ?? inForm(1200, 20));
const ROUNDS = inForm(20, 4);
/** What is kept of ended runs; a sweep every 30 s sees to it. */
const KEPT_BYTES = 20 * MIB;
const BUDGET = { descriptors: 5, memory: 32 * MIB, disk: 3 * KEPT_BYTES };

interface Sample {
  descriptors: number;
  memory: number;
  processes: number;
  disk: number;
  /** Folders of runs under the runtime root. */
  folders: number;
}

describe(`${SECONDS} seconds of everything`, () => {
  it(
    'leave descriptors, memory, processes and disk as they were',
    async () => {
      const random = printedRandomNumbers();
      const mark = newMark();
      const runner = await Runner.start({
        ...FAULTY,
        FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '8',
        FERMILINK_RUNNER_RETAIN_BYTES: String(KEPT_BYTES),
        FERMILINK_RUNNER_MAX_RUNTIME_SECONDS: '2',
      });
      const runtime = join(runner.home, 'fermilink', 'runtime');
      let runs = 0;

      const kinds: ((session: string) => Promise<unknown>)[] = [
        async (session_id) =>
          untilEnded(runner, await startRun(runner, { user_prompt: 'echo fine', session_id })),
        async (session_id) => {
          const id = await startRun(runner, { user_prompt: 'lines 2000 200', session_id });
          const follower = await new RunFollower(id, false).followToEnd(runner);
          expect(follower.violations).toEqual([]);
        },
        // Its time runs out.
        async (session_id) =>
          untilEnded(
            runner,
            await startRun(runner, { user_prompt: `own_session ${mark}`, session_id }),
          ),
        async (session_id) => {
          const id = await startRun(runner, { user_prompt: `daemon ${mark}`, session_id });
          await pause(random() * 300);
          await cancelRun(runner, id);
        },
        // The client goes.
        async (session_id) => {
          const leave = new AbortController();
          const gone = fetch(`${runner.url}/run`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ user_prompt: `forks ${mark} 5`, session_id }),
            signal: leave.signal,
          }).catch(() => undefined);
          await pause(random() * 300);
          leave.abort();
          await gone;
        },
        async (session_id) => {
          const id = await startRun(runner, {
            user_prompt: `i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo $i; sleep 0.02; done`,
            session_id,
          });
          const follower = new RunFollower(id, false);
          while (follower.exit === null) {
            const leave = new AbortController();
            const connection = follower.follow(runner, leave.signal);
            await Promise.race([connection, pause(random() * 200)]);
            leave.abort();
            await connection;
          }
          expect(follower.violations).toEqual([]);
        },
      ];
      const work = async (seconds: number) => {
        const deadline = performance.now() + seconds * 1000;
        await Promise.all(
          Array.from({ length: 6 }, async () => {
            while (performance.now() < deadline) {
              runs += 1;
              // Few sessions: the workspaces are no part of what is measured.
              await kinds[Math.floor(random() * kinds.length)]!(
                `soak-${Math.floor(random() * 30)}`,
              );
            }
          }),
        );
      };
      const sample = async (): Promise<Sample> => {
        await untilIdle(runner, 60);
        // Connections that the test's own client keeps close a moment after.
        const descriptors = await eventually(
          () => descriptorsOf(runner.pid),
          (count) => count < 100,
        );
        return {
          descriptors,
          memory: memoryOf(runner.pid),
          processes: processesWith(mark).length,
          disk: Number(execFileSync('du', ['-sb', runtime], { encoding: 'utf8' }).split('\t')[0]),
          folders: readdirSync(runtime).filter((name) => name.startsWith('run-')).length,
        };
      };

      const samples: Sample[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        await work(SECONDS / ROUNDS);
        samples.push(await sample());
      }
      // The first quarter is to get warm.
      const steady = samples.slice(Math.ceil(ROUNDS / 4));
      const third = Math.max(1, Math.floor(steady.length / 3));
      const growth = (of: keyof Sample) =>
        Math.min(...steady.slice(-third).map((it) => it[of])) -
        Math.max(...steady.slice(0, third).map((it) => it[of]));
      report('soak', {
        runs,
        memoryMiB: samples.map(({ memory }) => Math.round(memory / MIB)),
        descriptors: samples.map(({ descriptors }) => descriptors),
        diskMiB: samples.map(({ disk }) => Math.round(disk / MIB)),
      });
      expect(runs).toBeGreaterThan(SECONDS);
      expect(steady.map(({ processes, folders }) => [processes, folders])).toEqual(
        steady.map(() => [0, 0]),
      );
      expect(growth('descriptors')).toBeLessThanOrEqual(BUDGET.descriptors);
      expect(growth('memory')).toBeLessThanOrEqual(BUDGET.memory);
      expect(Math.max(...steady.map(({ disk }) => disk))).toBeLessThan(BUDGET.disk);
      expect(runner.stderr).toBe('');
      expect(await runner.stop()).toBe(0);
    },
    SECONDS * 2000 + 120_000,
  );
});

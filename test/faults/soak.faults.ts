import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FAULTY } from '../support/faulty.js';
import { inForm, report } from '../support/form.js';
import { newMark } from '../support/marks.js';
import { descriptorsOf, eventually, memoryOf, processesWith } from '../support/processes.js';
import { median } from '../support/quantiles.js';
import { printedRandomNumbers } from '../support/random.js';
import { RunFollower } from '../support/run-follower.js';
import { PROJECT, Runner } from '../support/runner.js';
import { cancelRun, startRun, untilEnded, untilIdle } from '../support/runs.js';

const MIB = 1024 * 1024;
const SECONDS = Number(process.env.FAULTS_SOAK_SECONDS ?? inForm(1200, 20));
const WORKERS = 6;
/** Rounds of work, each with a look at the idle server behind it. */
const ROUNDS = inForm(20, 8);
/** The first ones, in which the server gets warm; and how many of the next and of the last are compared. */
const [WARM_ROUNDS, COMPARED_ROUNDS] = inForm([5, 5], [2, 3]);
/** What is kept of events; a sweep every 30 s sees to it, and takes its time on a busy machine. */
const KEPT_BYTES = 20 * MIB;
const SWEEP_SECONDS = 40;

/**
 * How much more there may be of something at the end than at the beginning, once the server is warm. In
 * the short form it has just become so: it still loads and compiles what it has not needed before.
 */
const BUDGET = {
  descriptors: 5,
  memory: inForm(8 * MIB, 32 * MIB),
  heap: inForm(MIB, 4 * MIB),
  // Something of every run that is kept is known.
  memoryOfARun: 2048,
  // A record, and its place in a folder.
  recordOfARun: 2048,
  // One run in six writes 480 KB.
  eventsOfARun: 128 * 1024,
};

interface Sample {
  /** Seconds since the beginning. */
  at: number;
  descriptors: number;
  /** Bytes of the process, and of objects that are in use. */
  memory: number;
  heap: number;
  processes: number;
  /** Bytes of events, and of all else under the runtime root. */
  events: number;
  records: number;
  /** Runs that are kept. */
  kept: number;
  /** Folders of runs that should have gone with them. */
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
        NODE_OPTIONS: `--require ${join(PROJECT, 'test', 'support', 'collect-garbage.cjs')}`,
        FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '8',
        FERMILINK_RUNNER_RETAIN_BYTES: String(KEPT_BYTES),
        FERMILINK_RUNNER_MAX_RUNTIME_SECONDS: '2',
      });
      const began = performance.now();
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
          Array.from({ length: WORKERS }, async () => {
            do {
              runs += 1;
              // Few sessions: the workspaces are no part of what is measured.
              await kinds[runs % kinds.length]!(`soak-${Math.floor(random() * 30)}`);
            } while (performance.now() < deadline);
          }),
        );
      };
      const bytesOf = (folder: string) =>
        Number(execFileSync('du', ['-sb', folder], { encoding: 'utf8' }).split('\t')[0]);
      /** What the server says of itself: the sum of the lines that match. */
      const metric = async (line: RegExp) => {
        const text = await (await fetch(`${runner.url}/metrics`)).text();
        return [...text.matchAll(line)].reduce((sum, [, value]) => sum + Number(value), 0);
      };
      const sample = async (): Promise<Sample> => {
        await untilIdle(runner, 60);
        // Connections that the test's own client keeps close a moment after.
        const descriptors = await eventually(
          () => descriptorsOf(runner.pid),
          (count) => count < 100,
        );
        const { runtime, pid } = runner;
        process.kill(pid, 'SIGUSR2');
        await pause(200);
        const heap = await metric(/^nodejs_heap_size_used_bytes (\d+)$/gm);
        const events = bytesOf(join(runtime, 'events'));
        return {
          at: (performance.now() - began) / 1000,
          descriptors,
          memory: memoryOf(pid),
          heap,
          processes: processesWith(mark).length,
          events,
          records: bytesOf(runtime) - events,
          kept: readdirSync(join(runtime, 'ended')).length,
          folders: readdirSync(runtime).filter((name) => name.startsWith('run-')).length,
        };
      };

      const samples: Sample[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        await work(SECONDS / ROUNDS);
        samples.push(await sample());
      }
      const ended = {
        completed: await metric(/^runner_runs_total\{.*reason="completed".*\} (\d+)$/gm),
        timeout: await metric(/^runner_runs_total\{.*reason="timeout".*\} (\d+)$/gm),
        cancelled: await metric(/^runner_runs_total\{.*reason="cancelled".*\} (\d+)$/gm),
      };
      const first = samples.slice(WARM_ROUNDS, WARM_ROUNDS + COMPARED_ROUNDS);
      const last = samples.slice(-COMPARED_ROUNDS);
      const growth = (of: keyof Sample) =>
        median(last.map((it) => it[of])) - median(first.map((it) => it[of]));
      const more = growth('kept');
      report('soak', {
        runs,
        ...ended,
        memoryMiB: samples.map(({ memory }) => Math.round(memory / MIB)),
        heapMiB: samples.map(({ heap }) => Number((heap / MIB).toFixed(1))),
        descriptors: samples.map(({ descriptors }) => descriptors),
        eventsMiB: samples.map(({ events }) => Math.round(events / MIB)),
        recordBytesOfARun: Math.round(growth('records') / more),
      });
      // Every worker has done something in every round, and so every kind of run has had its turn in it.
      for (const count of Object.values(ended)) expect(count).toBeGreaterThanOrEqual(ROUNDS);
      expect(samples.map(({ processes, folders }) => [processes, folders])).toEqual(
        samples.map(() => [0, 0]),
      );
      expect(growth('descriptors')).toBeLessThanOrEqual(BUDGET.descriptors);
      expect(growth('memory')).toBeLessThanOrEqual(BUDGET.memory + more * BUDGET.memoryOfARun);
      expect(growth('heap')).toBeLessThanOrEqual(BUDGET.heap + more * BUDGET.memoryOfARun);
      expect(growth('records')).toBeLessThanOrEqual(more * BUDGET.recordOfARun);
      for (const { at, events, kept } of samples) {
        // What came before the last sweep has been swept; a machine that is fast has written more since.
        const swept = samples.findLast((it) => it.at <= at - SWEEP_SECONDS)?.kept ?? 0;
        expect(events).toBeLessThanOrEqual(KEPT_BYTES + (kept - swept) * BUDGET.eventsOfARun);
      }
      expect(runner.stderr).toBe('');
      expect(await runner.stop()).toBe(0);
    },
    SECONDS * 2000 + 120_000,
  );
});

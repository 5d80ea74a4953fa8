import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FAULTY } from '../support/faulty.js';
import { inForm, report } from '../support/form.js';
import { newMark } from '../support/marks.js';
import { textsInCommandLines } from '../support/processes.js';
import { readRun } from '../support/run-follower.js';
import { Runner } from '../support/runner.js';
import { cancelRun, startRun, untilEnded, untilIdle, untilState } from '../support/runs.js';

const RUNS = inForm(100, 50);
const OTHERS = inForm(2000, 300);
/** A machine that has other things to do delays everybody. */
const P99_SECONDS = inForm(0.05, 0.5);

describe(`${RUNS} runs that end at once beside ${OTHERS} other processes`, () => {
  let runner: Runner;
  let crowd: ReturnType<typeof spawn>;
  const crowdMark = newMark();

  beforeAll(async () => {
    crowd = spawn(
      'sh',
      [
        '-c',
        `i=0; while [ $i -lt ${OTHERS} ]; do sleep ${crowdMark} & i=$((i+1)); done; echo; wait`,
      ],
      { stdio: ['ignore', 'pipe', 'ignore'], detached: true },
    );
    await once(crowd.stdout!, 'data');
    runner = await Runner.start({
      ...FAULTY,
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: String(RUNS),
    });
  }, 60_000);
  afterAll(async () => {
    process.kill(-crowd.pid!, 'SIGKILL');
    await runner.stop();
  });

  /** Seconds by which the event loop was late, of a hundred turns the last but one; then begins anew. */
  const p99 = async () => {
    const text = await (await fetch(`${runner.url}/metrics`)).text();
    return Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(text)![1]);
  };

  it.each([
    ['by themselves', (mark: string) => `setsid sleep ${mark} & read x < ../../end`],
    ['by a cancel', (mark: string) => `setsid sleep ${mark} & wait`],
  ])(
    '%s delay nobody',
    async (how, script) => {
      const mark = newMark();
      const byThemselves = how === 'by themselves';
      // All agents wait for somebody to open it.
      const gate = join(runner.workspaces, 'end');
      if (byThemselves) execFileSync('mkfifo', [gate]);
      const ids = await Promise.all(
        Array.from({ length: RUNS }, () => startRun(runner, { user_prompt: script(mark) })),
      );
      for (const id of ids) await untilState(runner, id, 'running', 60);
      const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length;
      expect(processes).toBeGreaterThan(OTHERS + RUNS);
      // What the machine does to a server that has next to nothing to do, to tell the two apart.
      await p99();
      await pause(1000);
      const atRest = await p99();
      const began = performance.now();
      if (byThemselves) closeSync(openSync(gate, 'w'));
      else await Promise.all(ids.map((id) => cancelRun(runner, id)));
      for (const id of ids) await untilEnded(runner, id, 60);
      const lag = await p99();
      report(`ends ${how}`, {
        processes,
        p99Ms: Math.round(lag * 1000),
        atRestMs: Math.round(atRest * 1000),
        seconds: Number(((performance.now() - began) / 1000).toFixed(1)),
      });
      expect(lag).toBeLessThan(P99_SECONDS);
      expect(textsInCommandLines([mark])).toEqual([]);
      for (const id of ids) {
        const { exit, violations } = await readRun(runner, id);
        expect([exit?.reason, exit?.survivors, violations]).toEqual([
          byThemselves ? 'completed' : 'cancelled',
          0,
          [],
        ]);
      }
      await untilIdle(runner);
    },
    180_000,
  );
});

import { setTimeout as pause } from 'node:timers/promises';
import { FAULTY } from '../support/faulty.js';
import { inForm, report } from '../support/form.js';
import { descriptorsOf, eventually } from '../support/processes.js';
import { printedRandomNumbers } from '../support/random.js';
import { readRun, RunFollower } from '../support/run-follower.js';
import { Runner } from '../support/runner.js';
import { Gate, getRun, startRun, untilEnded, untilState } from '../support/runs.js';

const RUNS = 20;
const CLIENTS = 40;
const CONNECTIONS = inForm(1000, 150);

describe('clients that come and go', () => {
  it(`${CONNECTIONS} times over ${RUNS} live runs see every event exactly once`, async () => {
    const random = printedRandomNumbers();
    const runner = await Runner.start(FAULTY);
    const gate = new Gate(runner, 'end');
    const ids = await Promise.all(
      Array.from({ length: RUNS }, (_, index) =>
        // Some write a line now and then, some all the time, some in long bursts.
        startRun(runner, {
          user_prompt: [
            `paced 0.1 ${gate.path}`,
            `paced 0.03 ${gate.path}`,
            `until [ -e ${gate.path} ]; do lines 200 500; sleep 0.3; done`,
          ][index % 3]!,
        }),
      ),
    );
    for (const id of ids) await untilState(runner, id, 'running');
    const followers = Array.from(
      { length: CLIENTS },
      (_, index) => new RunFollower(ids[index % RUNS]!),
    );
    let left = CONNECTIONS;
    let cutInTheMiddle = 0;
    const comeAndGo = async (follower: RunFollower) => {
      while (left > 0) {
        left -= 1;
        const leave = new AbortController();
        const connection = follower.follow(runner, leave.signal);
        // Some leave before anything has come.
        if (random() < 0.8) await Promise.race([connection, follower.nextEvent()]);
        await pause(random() ** 3 * 300);
        leave.abort();
        await connection;
        if (follower.exit === null) cutInTheMiddle += 1;
        await pause(random() ** 3 * 100);
      }
    };
    await Promise.all(followers.map(comeAndGo));
    // All of them were alive to the last of it.
    for (const id of ids) expect((await getRun(runner, id)).state).toBe('running');
    expect(cutInTheMiddle).toBe(CONNECTIONS);
    gate.open();
    await Promise.all(followers.map((it) => it.followToEnd(runner)));
    for (const id of ids) await untilEnded(runner, id);
    let events = 0;
    for (const id of ids) {
      const { data, violations } = await readRun(runner, id);
      expect(violations).toEqual([]);
      for (const follower of followers.filter((it) => it.runId === id)) {
        expect(follower.violations).toEqual([]);
        expect(follower.data).toEqual(data);
        events += follower.data.length;
      }
    }
    const connections = followers.reduce((sum, it) => sum + it.connections, 0);
    report('reconnects', { connections, events });
    expect(connections).toBeGreaterThan(CONNECTIONS / 2);
    await eventually(
      () => descriptorsOf(runner.pid),
      (now) => now < 60,
    );
    expect(runner.stderr).toBe('');
    await runner.stop();
  }, 300_000);
});

import { once } from 'node:events';
import { connect } from 'node:net';
import { FAULTY } from '../support/faulty.js';
import { inForm, report } from '../support/form.js';
import { eventually, memoryOf } from '../support/processes.js';
import { RunFollower } from '../support/run-follower.js';
import { Runner } from '../support/runner.js';
import { getRun, startRun, untilEnded } from '../support/runs.js';

const MIB = 1024 * 1024;
const WIDTH = 1000;
const LINES = inForm(500_000, 100_000);
/** What a reader that does not read may cost. */
const MOST = 32 * MIB;

describe('a client that reads nothing', () => {
  it(`costs no memory while an agent writes ${LINES} lines, and has all of them afterwards`, async () => {
    const runner = await Runner.start({
      ...FAULTY,
      // It is not to be sent away: that would be a way out.
      FERMILINK_RUNNER_FOLLOWER_TIMEOUT_SECONDS: '600',
    });
    // Warm: with a reader that reads, a run of the same kind.
    const warm = await startRun(runner, { user_prompt: `lines ${LINES / 2} ${WIDTH}` });
    const reader = await new RunFollower(warm, false).followToEnd(runner);
    expect(reader.violations).toEqual([]);
    await untilEnded(runner, warm);
    const before = memoryOf(runner.pid);

    const began = performance.now();
    const id = await startRun(runner, {
      user_prompt: `lines ${LINES} ${WIDTH}`,
      session_id: 'unread',
    });
    const socket = connect(Number(new URL(runner.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.pause();
    socket.write(`GET /runs/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    let peak = 0;
    const run = await eventually(
      async () => {
        peak = Math.max(peak, memoryOf(runner.pid));
        return getRun(runner, id);
      },
      (it) => it.ended_at !== null,
      120,
    );
    const seconds = (performance.now() - began) / 1000;
    expect(run).toMatchObject({ state: 'completed', last_event_id: LINES + 2 });
    const after = memoryOf(runner.pid);
    report('slow reader', {
      bytes: LINES * WIDTH,
      seconds: Number(seconds.toFixed(1)),
      grownMiB: Math.round((Math.max(peak, after) - before) / MIB),
    });
    expect(Math.max(peak, after) - before).toBeLessThan(MOST);
    // It has read no more than what a socket takes before it is told to pause, and is still connected.
    expect(socket.bytesRead).toBeLessThan(128 * 1024);
    expect(socket.destroyed).toBe(false);

    let text = '';
    const digest = { frames: 0, last: 0, outOfOrder: 0 };
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      const end = text.lastIndexOf('\n');
      for (const [, number] of text.slice(0, end).matchAll(/^id: ([1-9]\d*)$/gm)) {
        digest.frames += 1;
        if (Number(number) !== digest.last + 1) digest.outOfOrder += 1;
        digest.last = Number(number);
      }
      text = text.slice(end);
    });
    socket.resume();
    await eventually(
      () => digest.last,
      (last) => last === LINES + 2,
      120,
    );
    expect(digest).toEqual({ frames: LINES + 2, last: LINES + 2, outOfOrder: 0 });
    socket.destroy();
    await runner.stop();
  }, 300_000);
});

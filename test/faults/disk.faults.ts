import { FAULTY } from '../support/faulty.js';
import { report } from '../support/form.js';
import { eventually } from '../support/processes.js';
import { readRun, RunFollower } from '../support/run-follower.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import {
  Gate,
  getRun,
  postRun,
  startRun,
  untilEnded,
  untilIdle,
  untilState,
} from '../support/runs.js';
import { Tmpfs } from '../support/tmpfs.js';

const WRITERS = 6;
const QUIET = 4;

describe('a disk that is full', () => {
  const home = temporaryFolder();
  let disk: Tmpfs;
  let runner: Runner;
  const settings = () => ({ ...FAULTY, FERMILINK_RUNTIME_ROOT: disk.path });

  beforeAll(async () => {
    // Readiness wants 64 MiB to be free.
    disk = Tmpfs.mount(96 * 1024 * 1024);
    runner = await Runner.start(settings(), home);
  });
  afterAll(async () => {
    disk?.empty();
    await runner?.terminate();
    disk?.unmount();
    await runner?.stop();
  });

  const ready = async () => {
    const answer = await fetch(`${runner.url}/health/ready`);
    return { status: answer.status, text: await answer.text() };
  };

  it('in the middle of a record fails the runs that write; others go on, and all ids are right', async () => {
    expect((await ready()).status).toBe(200);
    const gate = new Gate(runner, 'end');
    const quiet = await Promise.all(
      Array.from({ length: QUIET }, () =>
        startRun(runner, { user_prompt: `echo before; ${gate.wait}; lines 500 100` }),
      ),
    );
    // Long records, so that the disk ends within one.
    const writers = await Promise.all(
      Array.from({ length: WRITERS }, () =>
        startRun(runner, {
          user_prompt: `i=0; while :; do i=$((i+1)); lines 1 40000; sleep 0.05; done`,
        }),
      ),
    );
    const followers = [...writers, ...quiet].map((id) => new RunFollower(id));
    const following = followers.map((it) => it.follow(runner));
    for (const follower of followers) {
      await eventually(
        () => follower.lastId,
        (it) => it >= 2,
      );
    }

    disk.fill();
    for (const id of writers) {
      expect(await untilEnded(runner, id)).toMatchObject({ state: 'failed', code: 'disk_full' });
    }
    // The server itself has met the fault.
    await runner.logged((line) => JSON.stringify(line).includes('ENOSPC'));
    // It lives, says what is wrong, and takes no run that it could not keep.
    expect((await fetch(`${runner.url}/health/live`)).status).toBe(200);
    const { status, text } = await ready();
    expect([status, text]).toEqual([503, expect.stringContaining('disk of the runner is full')]);
    expect(await postRun(runner, { user_prompt: 'true' })).toMatchObject({
      status: 503,
      body: { code: 'disk_full' },
    });
    for (const id of quiet) expect((await getRun(runner, id)).state).toBe('running');
    // Slots came free although ends could not be written, and who followed was told.
    expect(await runner.getJson('/ops/concurrency')).toMatchObject({ active_total: QUIET });
    await Promise.all(following.slice(0, WRITERS));
    for (const { exit } of followers.slice(0, WRITERS)) {
      expect(exit).toMatchObject({ reason: 'failed', code: 'disk_full' });
    }

    disk.empty();
    await eventually(ready, (it) => it.status === 200);
    gate.open();
    for (const id of quiet) {
      expect((await untilEnded(runner, id)).state).toBe('completed');
      const { lastId, violations } = await readRun(runner, id);
      expect([lastId, violations]).toEqual([503, []]);
    }
    // The ends are written now, behind the last whole record.
    await eventually(
      async () => {
        const ends = await Promise.all(writers.map((id) => readRun(runner, id)));
        return ends.map(({ violations, exit }) => [violations.length, exit?.code]);
      },
      (all) => all.every(([count, code]) => count === 0 && code === 'disk_full'),
    );
    const next = await startRun(runner, { user_prompt: 'echo again' });
    expect((await untilEnded(runner, next)).state).toBe('completed');
    report('full disk', {
      events: followers.slice(0, WRITERS).map(({ lastId }) => lastId),
    });

    // And the next server reads the same.
    const before = await Promise.all([...writers, ...quiet].map((id) => readRun(runner, id)));
    await runner.kill();
    runner = await Runner.start(settings(), home);
    for (const { runId, data } of before) {
      const { data: now, violations } = await readRun(runner, runId);
      expect(violations).toEqual([]);
      expect(now).toEqual(data);
      expect(await getRun(runner, runId)).toMatchObject({ last_event_id: data.length });
    }
    for (const [index, follower] of followers.slice(0, WRITERS).entries()) {
      // What a client had seen before the end without a number is there.
      const had = follower.data.slice(0, -1);
      expect(before[index]!.data.slice(0, had.length)).toEqual(had);
    }
  }, 120_000);

  it('while its server dies loses no event and no end', async () => {
    const writer = await startRun(runner, {
      user_prompt: `while :; do lines 1 40000; sleep 0.02; done`,
    });
    const follower = new RunFollower(writer);
    const following = follower.follow(runner);
    const waiting = await startRun(runner, { user_prompt: 'sleep 3600' });
    await untilState(runner, waiting, 'running');
    await eventually(
      () => follower.lastId,
      (it) => it >= 5,
    );
    disk.fill();
    await untilState(runner, writer, 'failed');
    await runner.kill();
    await following;
    expect(disk.freeBytes).toBeLessThan(64 * 1024);
    // The next one starts on a full disk, serves what it has, and takes up its work when it can.
    runner = await Runner.start(settings(), home);
    expect((await ready()).status).toBe(503);
    const had = follower.exit === null ? follower.data : follower.data.slice(0, -1);
    disk.empty();
    await eventually(ready, (it) => it.status === 200);
    for (const [id, state] of [
      [writer, 'failed'],
      [waiting, 'lost'],
    ] as const) {
      const whole = await eventually(
        () => readRun(runner, id),
        ({ violations }) => violations.length === 0,
      );
      expect([id, whole.exit?.reason]).toEqual([id, state]);
      if (id === writer) expect(whole.data.slice(0, had.length)).toEqual(had);
    }
    await untilIdle(runner);
    expect(had.length).toBeGreaterThanOrEqual(5);
  }, 120_000);
});

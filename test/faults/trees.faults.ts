import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { FAULTY } from '../support/faulty.js';
import { newMark } from '../support/marks.js';
import { environmentOf, eventually, kinship, processesWith } from '../support/processes.js';
import { readRun, RunFollower } from '../support/run-follower.js';
import { Runner } from '../support/runner.js';
import { cancelRun, Gate, startRun, untilEnded, untilIdle } from '../support/runs.js';

const { SIGINT, SIGTERM } = constants.signals;
const COOKIE = 'FERMILINK_RUN_COOKIE=';

/** What the agent's children show before they are ended. `leader` is the agent itself. */
interface Seen {
  marked: number[];
  leader: number;
}

/** One way to get out of reach: what the agent does, and how it is seen that it did. */
const ESCAPES: [string, (mark: string) => string, (seen: Seen) => void][] = [
  [
    'ignores TERM and INT',
    (mark) => `ignores ${mark}`,
    ({ leader, marked }) => {
      for (const pid of [leader, ...marked]) {
        expect(kinship(pid).ignores(SIGTERM) && kinship(pid).ignores(SIGINT)).toBe(true);
      }
    },
  ],
  [
    'forks 40 children',
    (mark) => `forks ${mark} 40`,
    ({ leader, marked }) => {
      expect(marked.filter((pid) => kinship(pid).parent === leader)).toHaveLength(40);
    },
  ],
  [
    'puts a child into a session of its own',
    (mark) => `own_session ${mark}`,
    ({ leader, marked: [child] }) => {
      expect(kinship(child!)).toMatchObject({ parent: leader, session: child, group: child });
    },
  ],
  [
    'forks twice',
    (mark) => `daemon ${mark}`,
    ({ leader, marked: [child] }) => {
      expect(kinship(child!).parent).not.toBe(leader);
      expect(kinship(child!).session).not.toBe(leader);
    },
  ],
  [
    'clears the environment of a child',
    (mark) => `bare ${mark}`,
    ({ marked: [child] }) => {
      expect(environmentOf(child!)).not.toContain(COOKIE);
    },
  ],
];

describe('an agent that', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({ ...FAULTY, FERMILINK_RUNNER_STALL_SECONDS: '7' });
  });
  afterAll(() => runner.stop());

  /** Waits until an agent says that it has done its deed; it has said its own number before. */
  const untilStarted = async (id: string) => {
    const follower = new RunFollower(id);
    void follower.follow(runner);
    await eventually(
      () => follower.data,
      (it) => it.includes('started'),
    );
    const leader = Number(follower.data[1]);
    return { follower, leader };
  };
  /** Starts an agent that has something to hide, and waits until it has done its deed. */
  const misbehave = async (script: string, mark: string, session_id: string) => {
    const id = await startRun(runner, { user_prompt: `echo $$; ${script}`, session_id });
    const { follower, leader } = await untilStarted(id);
    const marked = await eventually(
      () => processesWith(mark).filter((pid) => pid !== leader),
      (pids) => pids.length > 0,
    );
    return { id, follower, leader, marked };
  };
  const nothingIsLeft = async (mark: string) => {
    expect(processesWith(mark)).toEqual([]);
    expect(await untilIdle(runner)).toMatchObject({ active_total: 0 });
  };

  it.each(ESCAPES)('%s is ended with all that it started', async (name, script, prove) => {
    const mark = newMark();
    const session = `escape-${name.replaceAll(' ', '-')}`;
    const { id, leader } = await misbehave(script(mark), mark, session);
    const isComplete = (pids: number[]) => pids.length >= (name.includes('40') ? 40 : 1);
    const marked = await eventually(
      () => processesWith(mark).filter((pid) => pid !== leader),
      isComplete,
    );
    expect(environmentOf(leader)).toContain(COOKIE);
    prove({ leader, marked });
    const { body: run } = await cancelRun(runner, id);
    expect(run).toMatchObject({ state: 'cancelled', code: 'cancel_requested' });
    const { exit, violations } = await readRun(runner, id);
    expect(exit).toMatchObject({ survivors: 0, killed: name.startsWith('ignores') });
    expect(violations).toEqual([]);
    await nothingIsLeft(mark);
  });

  it('sheds environment, session and parent after it was seen is ended all the same', async () => {
    const mark = newMark();
    const gate = new Gate(runner, 'stranger');
    const script = `stranger ${mark} ${gate.path}`;
    const { id, follower, leader } = await misbehave(script, mark, 'stranger');
    // A silence of 7 s is longer than the time between two looks at the tree.
    await eventually(
      () => follower.data,
      (it) => it.some((data) => data.includes('silent')),
      20,
    );
    gate.open();
    await eventually(
      () => follower.data,
      (it) => it.includes('orphaned'),
    );
    const [child] = processesWith(mark);
    expect(environmentOf(child!)).not.toContain(COOKIE);
    expect(kinship(child!).session).not.toBe(leader);
    expect(kinship(kinship(child!).parent).session).not.toBe(kinship(child!).session);
    await cancelRun(runner, id);
    expect((await untilEnded(runner, id)).state).toBe('cancelled');
    await nothingIsLeft(mark);
  });

  it('ends and leaves its pipes to a child elsewhere holds up nothing', async () => {
    const mark = newMark();
    const id = await startRun(runner, { user_prompt: `echo $$; holds_stdout ${mark}; sleep 0.5` });
    const [child] = await eventually(
      () => processesWith(mark),
      (pids) => pids.length > 0,
    );
    expect(kinship(child!).session).toBe(child);
    const { ended_at, state } = await untilEnded(runner, id, 8);
    expect([state, typeof ended_at]).toEqual(['completed', 'string']);
    await nothingIsLeft(mark);
  });

  it('forks for ever, each process ending at once, is ended as a whole', async () => {
    const mark = newMark();
    const id = await startRun(runner, {
      user_prompt: `echo $$; relay ${mark}`,
      session_id: 'relay',
    });
    const { leader } = await untilStarted(id);
    const group = () =>
      processesWith(mark).filter((pid) => {
        try {
          return kinship(pid).group === leader;
        } catch {
          return false;
        }
      });
    try {
      await untilEnded(runner, id, 25);
      expect((await readRun(runner, id)).exit).toMatchObject({ survivors: 0 });
      // Its processes were always others: the baton went on.
      const baton = readFileSync(join(runner.repo('relay'), 'outputs', 'baton'), 'utf8');
      expect(new Set(baton.trim().split('\n')).size).toBeGreaterThan(5);
      // One look may fall between two of them.
      for (let look = 0; look < 20; look += 1) expect(group()).toEqual([]);
    } finally {
      try {
        process.kill(-leader, 'SIGKILL');
      } catch {
        // All are gone, as they should be.
      }
    }
  }, 60_000);
});

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

/** Whether a process has a session of its own; false once it is gone. */
function leadsSession(pid: number): boolean {
  try {
    return kinship(pid).session === pid;
  } catch {
    return false;
  }
}

/** What the agent's children show before they are ended. `leader` is the agent itself. */
interface Seen {
  marked: number[];
  leader: number;
}

/** One way to get out of reach. */
interface Escape {
  does: string;
  script: (mark: string) => string;
  /** How many children it starts. */
  children: number;
  /** Nothing but KILL ends it. */
  isDeaf: boolean;
  /** Shows that it really did what it does. */
  prove: (seen: Seen) => void;
}

const ESCAPES: Escape[] = [
  {
    does: 'ignores TERM and INT',
    script: (mark) => `ignores ${mark}`,
    children: 1,
    isDeaf: true,
    prove: ({ leader, marked }) => {
      for (const pid of [leader, ...marked]) {
        expect(kinship(pid).ignores(SIGTERM) && kinship(pid).ignores(SIGINT)).toBe(true);
      }
    },
  },
  {
    does: 'forks 40 children',
    script: (mark) => `forks ${mark} 40`,
    children: 40,
    isDeaf: false,
    prove: ({ leader, marked }) => {
      expect(marked.filter((pid) => kinship(pid).parent === leader)).toHaveLength(40);
    },
  },
  {
    does: 'puts a child into a session of its own',
    script: (mark) => `own_session ${mark}`,
    children: 1,
    isDeaf: false,
    prove: ({ leader, marked: [child] }) => {
      expect(kinship(child!)).toMatchObject({ parent: leader, session: child, group: child });
    },
  },
  {
    does: 'forks twice',
    script: (mark) => `daemon ${mark}`,
    children: 1,
    isDeaf: false,
    prove: ({ leader, marked: [child] }) => {
      expect(kinship(child!).parent).not.toBe(leader);
      expect(kinship(child!).session).not.toBe(leader);
    },
  },
  {
    does: 'clears the environment of a child',
    script: (mark) => `bare ${mark}`,
    children: 1,
    isDeaf: false,
    prove: ({ marked: [child] }) => {
      expect(environmentOf(child!)).not.toContain(COOKIE);
    },
  },
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
  const misbehave = async (script: string, mark: string, children = 1) => {
    const id = await startRun(runner, { user_prompt: `echo $$; ${script}` });
    const { follower, leader } = await untilStarted(id);
    const marked = await eventually(
      () => processesWith(mark).filter((pid) => pid !== leader),
      (pids) => pids.length >= children,
    );
    return { id, follower, leader, marked };
  };
  const nothingIsLeft = async (mark: string) => {
    expect(processesWith(mark)).toEqual([]);
    expect(await untilIdle(runner)).toMatchObject({ active_total: 0 });
  };

  it.each(ESCAPES)('$does is ended with all that it started', async (escape) => {
    const { script, children, isDeaf, prove } = escape;
    const mark = newMark();
    const { id, leader, marked } = await misbehave(script(mark), mark, children);
    expect(environmentOf(leader)).toContain(COOKIE);
    prove({ leader, marked });
    const { body: run } = await cancelRun(runner, id);
    expect(run).toMatchObject({ state: 'cancelled', code: 'cancel_requested' });
    const { exit, violations } = await readRun(runner, id);
    expect(exit).toMatchObject({ survivors: 0, killed: isDeaf });
    expect(violations).toEqual([]);
    await nothingIsLeft(mark);
  });

  it('sheds environment, session and parent after it was seen is ended all the same', async () => {
    const mark = newMark();
    const gate = new Gate(runner, 'stranger');
    const script = `stranger ${mark} ${gate.path}`;
    const { id, follower, leader } = await misbehave(script, mark);
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
    // It is there before it has a session of its own.
    await eventually(
      () => processesWith(mark).filter(leadsSession),
      (pids) => pids.length > 0,
    );
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

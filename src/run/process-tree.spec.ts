import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { eventually, processesWith } from '../../test/support/processes.js';
import { hostIdentity, readProcess, RUN_COOKIE_VARIABLE } from './proc.js';
import { ProcessTable } from './process-table.js';
import { ProcessTree } from './process-tree.js';

/** An agent in its own session, as the runner starts it, and all that it starts. */
class Agent {
  readonly cookie = randomBytes(16).toString('hex');
  readonly child: ChildProcess;
  readonly tree: ProcessTree;

  /** @param script of a shell; MARK stands in the command line of whatever it starts */
  constructor(script: string) {
    this.child = spawn('/bin/bash', ['-c', script.replaceAll('MARK', this.mark)], {
      detached: true,
      stdio: 'ignore',
      env: { PATH: process.env.PATH, [RUN_COOKIE_VARIABLE]: this.cookie },
    });
    const pid = this.child.pid!;
    const { startTime } = readProcess(pid)!;
    this.tree = new ProcessTree(new ProcessTable(), { pid, startTime }, this.cookie);
  }

  /** Stands in the command lines, also of processes that have lost the cookie. */
  private get mark(): string {
    return `mark-${this.cookie}`;
  }

  /** Waits until so many of its programs run; a shell that has still to become one is none. */
  async started(count: number): Promise<number[]> {
    return eventually(
      () => this.marked().filter((pid) => programOf(pid) === 'perl'),
      (pids) => pids.length >= count,
    );
  }

  marked(): number[] {
    return processesWith(this.mark);
  }
}

function programOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return null;
  }
}

/** A program that sleeps with the mark in its command line, as often as the given words before it say. */
const SLEEP = `perl -e 'sleep 600' MARK`;
const DEAF = `perl -e '$SIG{TERM} = $SIG{INT} = "IGNORE"; sleep 1 while 1' MARK`;

describe('the process tree of a run', () => {
  const agents: Agent[] = [];
  const start = (script: string): Agent => {
    agents.push(new Agent(script));
    return agents.at(-1)!;
  };
  afterEach(() => {
    for (const agent of agents.splice(0)) {
      execFileSync('/bin/sh', [
        '-c',
        'kill -KILL "$@" 2>/dev/null || :',
        'sh',
        ...agent.marked().map(String),
      ]);
    }
  });

  it.each([
    ['a child', `${SLEEP} & wait`, 1],
    ['a child in a session of its own', `setsid ${SLEEP} & wait`, 1],
    ['a child that forked twice and left', `(setsid ${SLEEP} &) & wait; sleep 600`, 1],
    ['a child without its environment', `env -i ${SLEEP} & wait`, 1],
    ['many children', `for i in 1 2 3 4 5 6 7 8; do ${SLEEP} & done; wait`, 8],
  ])('holds %s, and ends it', async (_, script, count) => {
    const agent = start(script);
    const pids = await agent.started(count);
    const seen = (await agent.tree.look()).map(({ pid }) => pid);
    expect(seen).toEqual(expect.arrayContaining([...pids, agent.child.pid]));
    expect(seen).not.toContain(process.pid);
    expect(await agent.tree.end('SIGTERM')).toEqual({ killed: false, survivors: 0 });
    expect(agent.marked()).toEqual([]);
  });

  it('still holds a child that it saw before it lost its parent, its session and the cookie', async () => {
    const agent = start(`env -i setsid ${SLEEP} & wait`);
    const [child] = await agent.started(1);
    await agent.tree.look();
    process.kill(agent.child.pid!, 'SIGKILL');
    await eventually(
      () => readProcess(agent.child.pid!),
      (it) => it === null,
    );
    expect((await agent.tree.look()).map(({ pid }) => pid)).toEqual([child]);
    expect(await agent.tree.kill(5)).toBe(0);
    expect(agent.marked()).toEqual([]);
  });

  it('kills, after the grace, what ignores the polite signal', async () => {
    const agent = start(`trap '' TERM INT; ${DEAF} & ${DEAF} & wait; wait`);
    await agent.started(2);
    expect(await agent.tree.end('SIGINT')).toEqual({ killed: true, survivors: 0 });
    expect(agent.marked()).toEqual([]);
  });

  it('kills faster than children are forked', async () => {
    const agent = start(
      `perl -e '$SIG{TERM} = "IGNORE"; $SIG{CHLD} = "IGNORE"; while (1) { fork() || do { select undef, undef, undef, 0.3; exit }; select undef, undef, undef, 0.01 }' MARK & wait`,
    );
    await agent.started(5);
    expect(await agent.tree.kill(5)).toBe(0);
    expect(agent.marked()).toEqual([]);
  });

  it('leaves the tree of another run alone', async () => {
    const [mine, other] = [start(`${SLEEP} & wait`), start(`${SLEEP} & wait`)];
    await Promise.all([mine.started(1), other.started(1)]);
    const before = other.marked();
    expect(await mine.tree.kill(5)).toBe(0);
    expect(other.marked()).toEqual(before);
  });

  it('is known by the cookie alone, for the next server', async () => {
    const agent = start(`setsid ${SLEEP} & wait`);
    const pids = await agent.started(1);
    const found = await new ProcessTree(new ProcessTable(), null, agent.cookie).look();
    expect(found.map(({ pid }) => pid).sort()).toEqual([...pids, agent.child.pid!].sort());
    const stranger = new ProcessTree(new ProcessTable(), null, agent.cookie.slice(1));
    expect(await stranger.look()).toEqual([]);
  });

  it('takes a process that has the number of another start time for a stranger', async () => {
    const agent = start(`env -i ${SLEEP} & wait`);
    await agent.started(1);
    const pid = agent.child.pid!;
    const { startTime } = readProcess(pid)!;
    const tree = new ProcessTree(new ProcessTable(), { pid, startTime: startTime - 1 }, 'none');
    expect(await tree.look()).toEqual([]);
    expect(await tree.kill(5)).toBe(0);
    expect(agent.marked().length).toBeGreaterThanOrEqual(2);
  });
});

describe('a look at the processes', () => {
  it('has every live process, with its family', async () => {
    const child = spawn('/bin/sleep', ['600'], { detached: true });
    const look = await new ProcessTable().look();
    expect(look.get(child.pid!)).toMatchObject({
      parent: process.pid,
      group: child.pid,
      session: child.pid,
      startTime: expect.any(Number),
      cookie: null,
    });
    expect(look.get(process.pid)).toMatchObject({ parent: process.ppid, cookie: null });
    child.kill('SIGKILL');
  });

  it('is shared by all who ask at the same time, and shows what began before they asked', async () => {
    const table = new ProcessTable();
    const first = table.look();
    const child = spawn('/bin/sleep', ['600']);
    const looks = [table.look(), table.look(), table.look()];
    expect(new Set(looks).size).toBe(1);
    expect(looks[0]).not.toBe(first);
    expect((await looks[0]!).get(child.pid!)).toBeDefined();
    child.kill('SIGKILL');
  });

  it('tells zombies from the living', async () => {
    const parent = spawn('/usr/bin/perl', [
      '-e',
      'my $p = fork() || exit; $| = 1; print "$p\n"; sleep 600',
    ]);
    const zombie = await new Promise<number>((resolve) => {
      parent.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())));
    });
    await eventually(
      () => readProcess(zombie),
      (it) => it?.isZombie === true,
    );
    const snapshot = await new ProcessTable().look();
    expect(snapshot.get(zombie)).toMatchObject({ isZombie: true });
    expect(snapshot.get(process.pid)).toMatchObject({ isZombie: false });
    parent.kill('SIGKILL');
  });

  it('names this boot and these numbers', () => {
    expect(hostIdentity()).toMatch(/^[0-9a-f-]{36} pid:\[\d+\]$/);
  });
});

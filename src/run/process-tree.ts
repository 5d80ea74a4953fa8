import { setTimeout as sleep } from 'node:timers/promises';
import type { PoliteSignal } from '../provider/agent-adapter.js';
import { isAlive, type ProcessEntry, type ProcessTable } from './process-table.js';

/** How often a tree that was signalled is looked at again, in milliseconds. */
const FIRST_LOOK_AGAIN_MS = 10;
const LAST_LOOK_AGAIN_MS = 200;
/** Seconds between the polite signal and KILL, and between KILL and giving up. */
const GRACE_SECONDS = 5;

/** How ending a tree went. */
export interface TreeEnd {
  /** Something had to be killed. */
  killed: boolean;
  /** Processes that were still there in the end. */
  survivors: number;
}

/** The first process of a tree: the agent. */
export interface TreeLeader {
  pid: number;
  /** In clock ticks since boot; null if it was gone before anybody looked. */
  startTime: number | null;
}

/**
 * All processes of one run. A process belongs to it if it carries the run's cookie in its environment,
 * is in the agent's process group or session, or descends from a process once seen in the tree.
 */
export class ProcessTree {
  /** Start times of the members seen, by pid. */
  private readonly members = new Map<number, number>();

  /** @param leader null if it is not known: then the cookie alone tells */
  constructor(
    private readonly table: ProcessTable,
    private readonly leader: TreeLeader | null,
    private readonly cookie: string,
  ) {
    if (leader !== null && leader.startTime !== null) {
      this.members.set(leader.pid, leader.startTime);
    }
  }

  /** Looks at `/proc` once and returns the members that are alive. */
  async look(): Promise<ProcessEntry[]> {
    const all = await this.table.look();
    const { leader } = this;
    // The kernel gives the number of a group or session away only when it is empty; a process that
    // has the leader's pid but another start time shows that it did.
    const isReused = all.some(
      ({ pid, startTime }) => pid === leader?.pid && startTime !== leader.startTime,
    );
    const number = leader === null || isReused ? null : leader.pid;
    const found = new Set<ProcessEntry>();
    for (const entry of all) {
      const belongs =
        this.members.get(entry.pid) === entry.startTime ||
        entry.cookie === this.cookie ||
        (number !== null && (entry.group === number || entry.session === number));
      if (belongs) found.add(entry);
    }
    addDescendants(all, found);
    this.members.clear();
    for (const entry of found) this.members.set(entry.pid, entry.startTime);
    return [...found];
  }

  /** Ends the whole tree: the polite signal, the grace, KILL. Never rejects. */
  async end(polite: PoliteSignal): Promise<TreeEnd> {
    if ((await this.signalAll(polite, GRACE_SECONDS)) === 0) {
      return { killed: false, survivors: 0 };
    }
    return { killed: true, survivors: await this.kill(GRACE_SECONDS) };
  }

  /**
   * Kills the whole tree without asking first. Never rejects.
   * @returns how many processes are left after so many seconds
   */
  kill(seconds: number): Promise<number> {
    return this.signalAll('SIGKILL', seconds);
  }

  /** Kills, without waiting, what is known of the tree; for a server that has no time left. */
  killKnown(): void {
    for (const [pid, startTime] of this.members) send({ pid, startTime }, 'SIGKILL');
  }

  /**
   * Signals every member, and those that appear meanwhile, until none is left or the time is up.
   * @returns how many are left: 0 only after two looks in a row found none
   */
  private async signalAll(signal: PoliteSignal | 'SIGKILL', seconds: number): Promise<number> {
    const deadline = performance.now() + seconds * 1000;
    const sent = new Map<string, NodeJS.Signals>();
    let empty = 0;
    let pause = FIRST_LOOK_AGAIN_MS;
    for (;;) {
      // A look that fails says nothing: what was known counts as alive, and the next look may succeed.
      const alive = await this.look().catch(() => null);
      for (const entry of alive ?? []) {
        const key = `${entry.pid}:${entry.startTime}`;
        const now = this.fitting(signal, alive!);
        // Polite signals once: a second one tells some programs to leave in a hurry.
        if (now !== 'SIGKILL' && sent.get(key) === now) continue;
        sent.set(key, now);
        send(entry, now);
      }
      empty = alive?.length === 0 ? empty + 1 : 0;
      if (empty === 2) return 0;
      if (performance.now() >= deadline) return alive?.length ?? this.members.size;
      if (empty === 0) {
        await sleep(Math.min(pause, Math.max(deadline - performance.now(), 0)));
        pause = Math.min(pause * 1.5, LAST_LOOK_AGAIN_MS);
      }
    }
  }

  /**
   * INT is for the agent, which ends its own children then. Those that it has left are asked by TERM:
   * a shell starts what it puts into the background with INT ignored.
   */
  private fitting(
    signal: PoliteSignal | 'SIGKILL',
    alive: readonly ProcessEntry[],
  ): PoliteSignal | 'SIGKILL' {
    if (signal !== 'SIGINT') return signal;
    return alive.some(({ pid }) => pid === this.leader?.pid) ? 'SIGINT' : 'SIGTERM';
  }
}

function addDescendants(all: readonly ProcessEntry[], found: Set<ProcessEntry>): void {
  const children = new Map<number, ProcessEntry[]>();
  for (const entry of all) {
    const siblings = children.get(entry.parent);
    if (siblings) siblings.push(entry);
    else children.set(entry.parent, [entry]);
  }
  // A Set visits what is added to it while it is walked.
  for (const parent of found) {
    for (const child of children.get(parent.pid) ?? []) found.add(child);
  }
}

function send(target: { pid: number; startTime: number }, signal: NodeJS.Signals): void {
  try {
    // Looked at again right before: the pid may have gone to somebody else since.
    if (isAlive(target)) process.kill(target.pid, signal);
  } catch {
    // It ended in between.
  }
}

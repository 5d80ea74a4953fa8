import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessEntry, type ProcessTable, readProcess } from './process-table.js';

/** How often a tree that was signalled is looked at again, in milliseconds. */
const FIRST_LOOK_AGAIN_MS = 10;
const LAST_LOOK_AGAIN_MS = 200;

/**
 * All processes of one run. A process belongs to it if it carries the run's cookie in its environment,
 * is in the agent's process group or session, or descends from a process once seen in the tree.
 */
export class ProcessTree {
  /** Start times of the members seen, by pid. */
  private readonly members = new Map<number, number>();
  private readonly leaderStartTime: number | null;

  constructor(
    private readonly table: ProcessTable,
    private readonly leader: number,
    private readonly cookie: string,
  ) {
    this.leaderStartTime = readProcess(leader)?.startTime ?? null;
    if (this.leaderStartTime !== null) this.members.set(leader, this.leaderStartTime);
  }

  /** Looks at `/proc` once and returns the members that are alive. */
  async look(): Promise<ProcessEntry[]> {
    const all = await this.table.look();
    const byPid = new Map(all.map((entry) => [entry.pid, entry]));
    // The kernel gives the number of a group or session away only when it is empty; a process that
    // has the leader's pid but another start time shows that it did.
    const numberReused =
      byPid.has(this.leader) && byPid.get(this.leader)?.startTime !== this.leaderStartTime;
    const found = new Set<ProcessEntry>();
    const belongs = (entry: ProcessEntry) =>
      this.members.get(entry.pid) === entry.startTime ||
      entry.cookie === this.cookie ||
      (!numberReused && (entry.group === this.leader || entry.session === this.leader));
    for (const entry of all) if (belongs(entry)) found.add(entry);
    this.addDescendants(all, found);
    this.members.clear();
    for (const entry of found) this.members.set(entry.pid, entry.startTime);
    return [...found];
  }

  /**
   * Sends `signal` to every member, again to those that appear meanwhile, until none is left or the
   * time is up.
   * @returns how many are left: 0 only after two looks in a row found none
   */
  async end(signal: 'SIGTERM' | 'SIGKILL', seconds: number): Promise<number> {
    const deadline = performance.now() + seconds * 1000;
    const signalled = new Set<string>();
    let empty = 0;
    let pause = FIRST_LOOK_AGAIN_MS;
    for (;;) {
      const alive = await this.look();
      for (const entry of alive) {
        const key = `${entry.pid}:${entry.startTime}`;
        // TERM once: a second one tells some programs to leave in a hurry.
        if (signal !== 'SIGKILL' && signalled.has(key)) continue;
        signalled.add(key);
        send(entry, signal);
      }
      empty = alive.length === 0 ? empty + 1 : 0;
      if (empty === 2) return 0;
      if (performance.now() >= deadline) return alive.length;
      if (empty === 0) {
        await sleep(Math.min(pause, Math.max(deadline - performance.now(), 0)));
        pause = Math.min(pause * 1.5, LAST_LOOK_AGAIN_MS);
      }
    }
  }

  /** Kills, without waiting, what is known of the tree; for a server that has no time left. */
  killKnown(): void {
    for (const [pid, startTime] of this.members) send({ pid, startTime }, 'SIGKILL');
  }

  private addDescendants(all: readonly ProcessEntry[], found: Set<ProcessEntry>): void {
    const children = new Map<number, ProcessEntry[]>();
    for (const entry of all) {
      const siblings = children.get(entry.parent);
      if (siblings) siblings.push(entry);
      else children.set(entry.parent, [entry]);
    }
    // A Set visits what is added to it while it is walked.
    for (const parent of found)
      for (const child of children.get(parent.pid) ?? []) found.add(child);
  }
}

function send(target: { pid: number; startTime: number }, signal: NodeJS.Signals): void {
  // Looked at again right before: the pid may have gone to somebody else since.
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch {
    // It ended in between.
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { fairTurn } from '../common/fair-turn.js';
import type { StopSignal } from '../config/provider-definition.js';
import { isAlive, type ProcessEntry } from './proc.js';
import type { ProcessSnapshot } from './process-snapshot.js';
import type { ProcessTable } from './process-table.js';

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
  /**
   * Process groups in which there are only members. A signal to a group reaches all of it in one
   * step, also a process that a look misses because it forks and exits all the time.
   */
  private groups = new Set<number>();
  /**
   * Those of them that held nothing but zombies at the last look, with these zombies' pids: if they are
   * the same for long, their parent does not take note of them, and a signal means nothing.
   */
  private zombies = new Map<number, string>();
  private staleZombies = new Set<number>();

  /** @param leader null if it is not known: then the cookie alone tells */
  constructor(
    private readonly table: ProcessTable,
    private readonly leader: TreeLeader | null,
    private readonly cookie: string,
  ) {
    if (leader === null) return;
    this.groups.add(leader.pid);
    if (leader.startTime !== null) this.members.set(leader.pid, leader.startTime);
  }

  /** Looks at `/proc` once and returns the members that are alive. */
  async look(): Promise<ProcessEntry[]> {
    return this.membersIn(await this.table.look());
  }

  /** Ends the whole tree: the polite signal, the grace, KILL. Never rejects. */
  async end(polite: StopSignal): Promise<TreeEnd> {
    const left = await this.signalAll(polite, GRACE_SECONDS);
    // Nobody is seen, but somebody may be hidden: what a group still holds is dead, or had its chance.
    if (left === 0 && !this.killGroups()) return { killed: false, survivors: 0 };
    return { killed: true, survivors: await this.kill(GRACE_SECONDS) };
  }

  /**
   * Kills the whole tree without asking first. Never rejects.
   * @returns how many processes are left after so many seconds
   */
  kill(seconds: number): Promise<number> {
    return this.signalAll('SIGKILL', seconds);
  }

  /** Kills, without waiting, what a snapshot shows of the tree; for a server that has no time left. */
  killIn(snapshot: ProcessSnapshot): void {
    const alive = this.membersIn(snapshot);
    this.killGroups();
    for (const entry of alive) send(entry, 'SIGKILL');
  }

  /** The members that a look shows alive; they are known from now on, wherever they go. */
  membersIn(all: ProcessSnapshot): ProcessEntry[] {
    const found = new Set<ProcessEntry>(all.withCookie(this.cookie));
    for (const [pid, startTime] of this.members) {
      const entry = all.get(pid);
      if (entry?.startTime === startTime) found.add(entry);
    }
    const { leader } = this;
    // The kernel gives the number of a group or session away only when it is empty; a process that
    // has the leader's pid but another start time shows that it did.
    const atNumber = leader === null ? undefined : all.get(leader.pid);
    const isOurs =
      leader !== null && (atNumber === undefined || atNumber.startTime === leader.startTime);
    if (isOurs) {
      for (const entry of all.ofGroup(leader.pid)) found.add(entry);
      for (const entry of all.ofSession(leader.pid)) found.add(entry);
    }
    // A Set visits what is added to it while it is walked.
    for (const { pid } of found) for (const child of all.childrenOf(pid)) found.add(child);
    const alive = [...found].filter(({ isZombie }) => !isZombie);
    this.members.clear();
    for (const { pid, startTime } of alive) this.members.set(pid, startTime);
    this.groups = new Set(isOurs ? [leader.pid] : []);
    for (const { group } of alive) {
      if (all.ofGroup(group).every((entry) => found.has(entry))) this.groups.add(group);
    }
    this.noteZombies(all);
    return alive;
  }

  /**
   * Signals every member, and those that appear meanwhile, until none is left or the time is up.
   * @returns how many are left: 0 only after two looks in a row found none
   */
  private async signalAll(signal: StopSignal | 'SIGKILL', seconds: number): Promise<number> {
    const deadline = performance.now() + seconds * 1000;
    const sent = new Map<string, NodeJS.Signals>();
    let empty = 0;
    let pause = FIRST_LOOK_AGAIN_MS;
    for (;;) {
      // A look that fails says nothing: what was known counts as alive, and the next look may succeed.
      const alive = await this.look().catch(() => null);
      await fairTurn();
      if (signal === 'SIGKILL') this.killGroups();
      for (const entry of alive ?? []) {
        const key = `${entry.pid}:${entry.startTime}`;
        const now = this.fitting(signal, alive!);
        // Polite signals once: a second one tells some programs to leave in a hurry.
        if (now !== 'SIGKILL' && sent.get(key) === now) continue;
        sent.set(key, now);
        // A signal may let the process that gets it run before the one that sends it goes on.
        await fairTurn();
        send(entry, now);
      }
      empty = alive?.length === 0 ? empty + 1 : 0;
      if (empty === 2) return 0;
      if (performance.now() >= deadline) return alive?.length ?? Math.max(this.members.size, 1);
      if (empty === 0) {
        await sleep(Math.min(pause, Math.max(deadline - performance.now(), 0)));
        pause = Math.min(pause * 1.5, LAST_LOOK_AGAIN_MS);
      }
    }
  }

  private noteZombies(all: ProcessSnapshot): void {
    const zombies = new Map<number, string>();
    for (const group of this.groups) {
      const entries = all.ofGroup(group);
      if (entries.length === 0 || entries.some(({ isZombie }) => !isZombie)) continue;
      zombies.set(group, entries.map(({ pid }) => pid).join());
    }
    const isStale = (group: number) => zombies.get(group) === this.zombies.get(group);
    this.staleZombies = new Set([...zombies.keys()].filter(isStale));
    this.zombies = zombies;
  }

  /** @returns whether there was anything alive in the groups that only members are in */
  private killGroups(): boolean {
    let found = false;
    for (const group of this.groups) {
      try {
        process.kill(-group, 'SIGKILL');
        if (!this.staleZombies.has(group)) found = true;
      } catch {
        // It is empty, or nothing in it is ours to signal.
      }
    }
    return found;
  }

  /**
   * INT is for the agent, which ends its own children then. Those that it has left are asked by TERM:
   * a shell starts what it puts into the background with INT ignored.
   */
  private fitting(
    signal: StopSignal | 'SIGKILL',
    alive: readonly ProcessEntry[],
  ): StopSignal | 'SIGKILL' {
    if (signal !== 'SIGINT') return signal;
    return alive.some(({ pid }) => pid === this.leader?.pid) ? 'SIGINT' : 'SIGTERM';
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

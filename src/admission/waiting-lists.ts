import { ArrivalRanks, type Arrival } from './arrival-ranks.js';
import { type HeapElement, IndexedHeap, NOT_IN_HEAP } from './indexed-heap.js';

/** A run that waits. */
export interface Waiter extends Arrival {
  readonly runId: string;
  readonly line: Line;
  previous: Waiter | null;
  next: Waiter | null;
  readonly settle: (granted: boolean) => void;
}

/** The waiters of one user for one session, in order of arrival. Only the first of them can be next. */
export interface Line extends HeapElement {
  readonly user: User;
  readonly session: Session;
  first: Waiter | null;
  last: Waiter | null;
}

/** What is known of a user who has runs. */
export interface User extends HeapElement {
  readonly key: string;
  active: number;
  pending: number;
  /** Lines of this user whose session is idle, the earliest first. */
  readonly ready: IndexedHeap<Line>;
}

/** What is known of a session that has runs. */
export interface Session {
  readonly id: string;
  busy: boolean;
  /** Lines that wait for this session. */
  readonly lines: LinesOfSession;
}

/**
 * Lines by user. As a rule there is one, and most sessions wait for nobody: they make no map, which would be a
 * tenth of what it costs to queue and grant a run.
 */
class LinesOfSession {
  private only: Line | null = null;
  private others: Map<User, Line> | null = null;

  get size(): number {
    return (this.only === null ? 0 : 1) + (this.others?.size ?? 0);
  }

  of(user: User): Line | undefined {
    return this.only?.user === user ? this.only : this.others?.get(user);
  }

  add(line: Line): void {
    if (this.only === null) this.only = line;
    else (this.others ??= new Map()).set(line.user, line);
  }

  remove(line: Line): void {
    if (this.only === line) this.only = null;
    else this.others?.delete(line.user);
  }

  forEach(callback: (line: Line) => void): void {
    if (this.only !== null) callback(this.only);
    this.others?.forEach(callback);
  }
}

function earlier(a: Line, b: Line): boolean {
  return a.first!.arrival < b.first!.arrival;
}

/**
 * All waiters, arranged so that the first one that could start is found at once. Each user has a heap
 * of the lines whose session is idle, and one heap holds the users who are under their limit and have
 * such a line. Adding, taking and removing a waiter cost O(log n); a session that becomes busy or idle
 * moves the lines that wait for it, one for each user who does (as a rule, one).
 */
export class WaitingLists {
  private readonly ranks = new ArrivalRanks<Waiter>();
  private readonly startable = new IndexedHeap<User>((a, b) =>
    earlier(a.ready.peek()!, b.ready.peek()!),
  );

  constructor(private readonly perUserLimit: number) {}

  /** How many wait. */
  get size(): number {
    return this.ranks.size;
  }

  /** A user without runs. */
  newUser(key: string): User {
    return { key, active: 0, pending: 0, ready: new IndexedHeap(earlier), heapIndex: NOT_IN_HEAP };
  }

  /** A session without runs. */
  newSession(id: string): Session {
    return { id, busy: false, lines: new LinesOfSession() };
  }

  /** Adds a waiter behind all others. */
  add(runId: string, user: User, session: Session, settle: (granted: boolean) => void): Waiter {
    let line = session.lines.of(user);
    if (line === undefined) {
      line = { user, session, first: null, last: null, heapIndex: NOT_IN_HEAP };
      session.lines.add(line);
    }
    const waiter: Waiter = { runId, line, previous: line.last, next: null, settle, arrival: 0 };
    this.ranks.add(waiter);
    user.pending += 1;
    if (line.last === null) line.first = waiter;
    else line.last.next = waiter;
    line.last = waiter;
    if (line.first === waiter) this.placeLine(line);
    return waiter;
  }

  /** Takes a waiter out, wherever it stands. */
  remove(waiter: Waiter): void {
    const { line, previous, next } = waiter;
    const wasFirst = line.first === waiter;
    // The heaps are ordered by first waiters, so the line leaves them before its first one changes.
    if (wasFirst) this.unplaceLine(line);
    if (previous === null) line.first = next;
    else previous.next = next;
    if (next === null) line.last = previous;
    else next.previous = previous;
    this.ranks.remove(waiter);
    line.user.pending -= 1;
    if (line.first === null) line.session.lines.remove(line);
    else if (wasFirst) this.placeLine(line);
  }

  /** The place of a waiter among all, by arrival, from 1. */
  rank(waiter: Waiter): number {
    return this.ranks.rank(waiter);
  }

  /** The first waiter whose user is under the limit and whose session is idle. */
  firstStartable(): Waiter | null {
    return this.startable.peek()?.ready.peek()?.first ?? null;
  }

  /** To be called after the number of a user's active runs has changed. */
  userChanged(user: User): void {
    const canStart = user.active < this.perUserLimit && user.ready.size > 0;
    if (!canStart) this.startable.remove(user);
    else if (user.heapIndex === NOT_IN_HEAP) this.startable.add(user);
    else this.startable.update(user);
  }

  /** Says whether a run holds the session; none of those that wait for it can start while one does. */
  setBusy(session: Session, busy: boolean): void {
    if (session.busy === busy) return;
    session.busy = busy;
    session.lines.forEach((line) => {
      if (busy) this.unplaceLine(line);
      else this.placeLine(line);
    });
  }

  private placeLine(line: Line): void {
    if (line.session.busy) return;
    // The user leaves the outer heap while the inner one, by which it is ordered, changes.
    this.startable.remove(line.user);
    line.user.ready.add(line);
    this.userChanged(line.user);
  }

  private unplaceLine(line: Line): void {
    if (line.heapIndex === NOT_IN_HEAP) return;
    this.startable.remove(line.user);
    line.user.ready.remove(line);
    this.userChanged(line.user);
  }
}

import { monotonicSeconds } from '../common/clock.js';
import { RunnerError } from '../common/errors.js';
import type {
  Admission,
  AdmissionLimits,
  AdmissionSnapshot,
  EnqueueOptions,
  Placement,
  Ticket,
  UserSnapshot,
} from './admission.js';
import { ReleaseRate } from './release-rate.js';
import { type Session, type User, type Waiter, WaitingLists } from './waiting-lists.js';

/** A run that has its slot. */
interface Holder {
  user: User;
  session: Session;
}

/**
 * Admission in the memory of one server. It decides in the order of the calls; whoever can start has
 * started when a call returns. Enqueue, grant and release cost O(log n) in the number of waiters.
 */
export class MemoryAdmission implements Admission {
  private readonly waiting: WaitingLists;
  private readonly releases: ReleaseRate;
  private readonly waiters = new Map<string, Waiter>();
  private readonly holders = new Map<string, Holder>();
  /** Sessions that are busy without a slot, by the run that keeps them so. */
  private readonly occupied = new Map<string, Session>();
  private readonly users = new Map<string, User>();
  private readonly sessions = new Map<string, Session>();

  constructor(
    private readonly limits: AdmissionLimits,
    now: () => number = monotonicSeconds,
  ) {
    this.waiting = new WaitingLists(limits.perUserConcurrentRuns);
    this.releases = new ReleaseRate(now);
  }

  // Each of these decides before its promise exists, so the order of the calls is the order of arrival.

  async enqueue(ticket: Ticket, options: EnqueueOptions = {}): Promise<Placement> {
    return this.place(ticket, options);
  }

  async release(runId: string): Promise<void> {
    const waiter = this.waiters.get(runId);
    if (waiter !== undefined) {
      this.waiters.delete(runId);
      this.waiting.remove(waiter);
      waiter.settle(false);
      this.forgetIfUnused(waiter.line.user, waiter.line.session);
      return;
    }
    this.freeSlot(runId);
    const session = this.occupied.get(runId);
    if (session === undefined) return;
    this.occupied.delete(runId);
    this.waiting.setBusy(session, false);
    this.grantWhatCanStart();
    this.forgetSession(session);
  }

  async releaseSlot(runId: string): Promise<void> {
    this.freeSlot(runId);
    this.grantWhatCanStart();
  }

  async occupy(runId: string, sessionId: string): Promise<void> {
    const session = this.sessions.get(sessionId) ?? this.waiting.newSession(sessionId);
    if (session.busy) throw new Error(`the session ${sessionId} is busy already`);
    this.sessions.set(sessionId, session);
    this.occupied.set(runId, session);
    this.waiting.setBusy(session, true);
  }

  async position(runId: string): Promise<number | null> {
    const waiter = this.waiters.get(runId);
    return waiter === undefined ? null : this.waiting.rank(waiter);
  }

  async snapshot(): Promise<AdmissionSnapshot> {
    return this.totals();
  }

  async snapshotFor(userKey: string, sessionId: string | null): Promise<UserSnapshot> {
    const user = this.users.get(userKey);
    const session = sessionId === null ? undefined : this.sessions.get(sessionId);
    return {
      ...this.totals(),
      userKey,
      perUserActive: user?.active ?? 0,
      perUserPending: user?.pending ?? 0,
      canRunNow: this.canStart(user, session),
    };
  }

  /** Users and sessions that are known, for checks that nothing is left behind. */
  get knownEntities(): number {
    const runs = this.waiters.size + this.holders.size + this.occupied.size;
    return this.users.size + this.sessions.size + runs;
  }

  private totals(): AdmissionSnapshot {
    return {
      activeTotal: this.holders.size,
      pendingTotal: this.waiting.size,
      globalLimit: this.limits.globalConcurrentRuns,
      perUserLimit: this.limits.perUserConcurrentRuns,
      queueCapacity: this.limits.maxQueueSize,
      retryAfterSeconds: this.releases.retryAfterSeconds(),
    };
  }

  private place(
    { runId, userKey, sessionId }: Ticket,
    { instead = [], isReturning = false }: EnqueueOptions,
  ): Placement {
    if (this.waiters.has(runId) || this.holders.has(runId)) {
      throw new Error(`the run ${runId} is enqueued already`);
    }
    const user = this.users.get(userKey);
    const session = this.sessions.get(sessionId);
    const startsNow = this.canStart(user, session);
    if (!startsNow && !isReturning) this.refuseIfFull(user, instead);
    const known = user ?? this.waiting.newUser(userKey);
    const place = session ?? this.waiting.newSession(sessionId);
    this.users.set(userKey, known);
    this.sessions.set(sessionId, place);
    if (startsNow) {
      this.hold(runId, known, place);
      return { position: null, granted: Promise.resolve(true) };
    }
    let settle!: (granted: boolean) => void;
    const granted = new Promise<boolean>((resolve) => (settle = resolve));
    this.waiters.set(runId, this.waiting.add(runId, known, place, settle));
    return { position: this.waiting.size, granted };
  }

  /** Waiters that could start have started, so nobody stands before a newcomer who can. */
  private canStart(user: User | undefined, session: Session | undefined): boolean {
    return (
      this.holders.size < this.limits.globalConcurrentRuns &&
      (user?.active ?? 0) < this.limits.perUserConcurrentRuns &&
      !session?.busy
    );
  }

  private refuseIfFull(user: User | undefined, instead: readonly string[]): void {
    const { maxQueueSize, maxPendingPerUser } = this.limits;
    if (maxQueueSize === null && maxPendingPerUser === null) return;
    const leaving = instead.filter((runId) => this.waiters.has(runId));
    const leavingOfUser = leaving.filter((runId) => this.waiters.get(runId)?.line.user === user);
    // The slot of one that leaves goes to the first waiter that could start, else to the newcomer.
    const freed = instead.filter((runId) => this.holders.has(runId)).length;
    const isFull = this.holders.size >= this.limits.globalConcurrentRuns;
    const next = isFull ? (this.waiting.firstStartable()?.line.user ?? user) : user;
    const freedOfUser = next === user ? freed : 0;
    const facts = () => ({ retryAfterSeconds: this.releases.retryAfterSeconds() });
    if (maxQueueSize !== null && this.waiting.size - leaving.length - freed >= maxQueueSize) {
      const detail = `Runner queue is full (${this.waiting.size} pending requests).`;
      throw new RunnerError('queue_full', detail, facts());
    }
    const pending = user?.pending ?? 0;
    if (
      maxPendingPerUser !== null &&
      pending - leavingOfUser.length - freedOfUser >= maxPendingPerUser
    ) {
      const detail = `Runner queue is full for this user (${pending} pending requests).`;
      throw new RunnerError('user_queue_full', detail, facts());
    }
  }

  private hold(runId: string, user: User, session: Session): void {
    this.holders.set(runId, { user, session });
    user.active += 1;
    this.waiting.userChanged(user);
    this.waiting.setBusy(session, true);
  }

  /** Frees the slot of a run, if it has one; its session stays busy. */
  private freeSlot(runId: string): void {
    const holder = this.holders.get(runId);
    if (holder === undefined) return;
    const { user, session } = holder;
    this.holders.delete(runId);
    this.occupied.set(runId, session);
    this.releases.note();
    user.active -= 1;
    this.waiting.userChanged(user);
    this.forgetUser(user);
  }

  private grantWhatCanStart(): void {
    while (this.holders.size < this.limits.globalConcurrentRuns) {
      const waiter = this.waiting.firstStartable();
      if (waiter === null) return;
      const { user, session } = waiter.line;
      this.waiters.delete(waiter.runId);
      // First, so that those behind it in its line are not made ready for a moment.
      this.waiting.setBusy(session, true);
      this.waiting.remove(waiter);
      this.hold(waiter.runId, user, session);
      waiter.settle(true);
    }
  }

  private forgetIfUnused(user: User, session: Session): void {
    this.forgetUser(user);
    this.forgetSession(session);
  }

  private forgetUser(user: User): void {
    if (user.active === 0 && user.pending === 0) this.users.delete(user.key);
  }

  private forgetSession(session: Session): void {
    if (!session.busy && session.lines.size === 0) this.sessions.delete(session.id);
  }
}

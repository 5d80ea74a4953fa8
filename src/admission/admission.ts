/** The limits of admission; null means without one. */
export interface AdmissionLimits {
  globalConcurrentRuns: number;
  perUserConcurrentRuns: number;
  maxQueueSize: number | null;
  maxPendingPerUser: number | null;
}

/** What a run brings to admission. */
export interface Ticket {
  runId: string;
  userKey: string;
  sessionId: string;
}

/** How a ticket is taken, where not like any other. */
export interface EnqueueOptions {
  /** Runs that are about to end: the caps are checked as if they were gone, with their slots free. */
  instead?: readonly string[];
  /** It was in the queue of a server before this one: no cap refuses it. */
  isReturning?: boolean;
}

/** Where a run stands after it was enqueued. */
export interface Placement {
  /** Its place by arrival among all waiters, from 1; null if it got its slot at once. */
  position: number | null;
  /** True: the slot is granted. False: the ticket was released while it waited. Never rejects. */
  granted: Promise<boolean>;
}

/** How many runs there are, and how many there may be. */
export interface AdmissionSnapshot {
  activeTotal: number;
  pendingTotal: number;
  globalLimit: number;
  perUserLimit: number;
  /** Null for a queue without a bound. */
  queueCapacity: number | null;
  /** Whole seconds, 1 to 60, after which another slot is to be expected, by the recent rate. */
  retryAfterSeconds: number;
}

/** The same, and what concerns one user. */
export interface UserSnapshot extends AdmissionSnapshot {
  userKey: string;
  perUserActive: number;
  perUserPending: number;
  /** A run of this user, and of the session where one is named, would start at once. */
  canRunNow: boolean;
}

/**
 * Decides which run may start (contract, section 3). A run holds its slot and its session from the
 * grant until `release`; two runs of one session never hold it together.
 */
export interface Admission {
  /** @throws {RunnerError} `queue_full`, `user_queue_full`: the ticket is not kept */
  enqueue(ticket: Ticket, options?: EnqueueOptions): Promise<Placement>;
  /**
   * Gives back whatever a run has: its slot, its session, its place in the queue. Does nothing the
   * second time.
   */
  release(runId: string): Promise<void>;
  /** Gives back the slot of a run alone: its session stays busy until `release`. */
  releaseSlot(runId: string): Promise<void>;
  /**
   * Makes a session busy for a run without a slot, until `release`: something that a server before
   * this one has started still works in it.
   */
  occupy(runId: string, sessionId: string): Promise<void>;
  /** The present place of a waiter; null for a run that does not wait. It never grows. */
  position(runId: string): Promise<number | null>;
  /** All runs of this moment. */
  snapshot(): Promise<AdmissionSnapshot>;
  /**
   * All runs of this moment, and those of one user, who need not be known.
   * @param sessionId null if no session is asked about
   */
  snapshotFor(userKey: string, sessionId: string | null): Promise<UserSnapshot>;
}

export const ADMISSION = Symbol('Admission');

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
  enqueue(ticket: Ticket): Promise<Placement>;
  /** Gives back whatever a run has, a slot or a place in the queue; does nothing the second time. */
  release(runId: string): Promise<void>;
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

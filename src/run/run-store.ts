import type { KeyClaim, RunChanges, RunRecord, RunState } from './run-record.js';

/** Which runs a list holds, newest first. */
export interface RunFilter {
  userKey: string | null;
  sessionId: string | null;
  state: RunState | null;
  limit: number;
  /** The id of the last run of the page before; null for the first page. */
  before: string | null;
}

export interface RunPage {
  runs: RunRecord[];
  /** The `before` of the next page; null if there is none. */
  next: string | null;
}

/** Of an ended run, what retention goes by. */
export interface EndedRun {
  id: string;
  userKey: string;
  endedAt: string;
  /** 0 where the events have gone. */
  eventBytes: number;
}

/**
 * The records of all runs that are kept. A change is stored when its promise resolves, and outlives
 * the server.
 */
export interface RunStore {
  /**
   * Stores a new run, unless its idempotency key belongs to another run already.
   * @returns null, or the id and the body hash of the run that has the key: then nothing is stored
   */
  create(record: RunRecord): Promise<{ runId: string; bodyHash: string } | null>;
  /** The record of a run; null if there is none. */
  get(id: string): Promise<RunRecord | null>;
  /** The run that an idempotency key belongs to. */
  findByKey(key: KeyClaim['key']): Promise<{ runId: string; bodyHash: string } | null>;
  /** A page of the runs that a filter lets pass. */
  list(filter: RunFilter): Promise<RunPage>;
  /** Changes facts of a run, but not its state. Does nothing for an unknown run. */
  annotate(id: string, changes: Omit<RunChanges, 'state'>): Promise<void>;
  /**
   * Changes the state of a run, with other facts.
   * @returns false, and nothing is changed, if it is in none of the states `from`
   */
  transition(
    id: string,
    from: readonly RunState[],
    changes: RunChanges & { state: RunState },
  ): Promise<boolean>;
  /**
   * Takes over what a server before this one has left, whatever this one has been asked until then.
   * @returns the runs that are not done with, in the order in which they were made
   */
  takeOver(): Promise<RunRecord[]>;
  /** Every ended run, oldest first; read in slices that hold up nobody. */
  ended(): AsyncIterable<EndedRun>;
  /** The ids of all sessions that a run is kept of, be it ended or not; read in slices too. */
  sessions(): Promise<ReadonlySet<string>>;
  /** Forgets a run and its key. */
  remove(id: string): Promise<void>;
}

export const RUN_STORE = Symbol('RunStore');

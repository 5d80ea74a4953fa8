import { setMaxListeners } from 'node:events';
import type { Ticket } from '../admission/admission.js';
import { monotonicSeconds } from '../common/clock.js';
import { Deferred } from '../common/deferred.js';
import type { RunnerError } from '../common/errors.js';
import { type EndCause, hasEnded, type RunRecord, type RunState } from './run-record.js';
import type { RunLog } from './run-log.js';

/** Why a connection that followed a run is over. */
export type Departure =
  /** The client went, or the stream had come to its end. */
  | 'gone'
  /** The server cut it: the client accepted nothing for too long, or the log could not be read. */
  | 'cut';

/** Stands for the provider of a run that had none yet. */
export const NO_PROVIDER = 'none';

/** Seconds that a client has at least to come back after the server has cut its connection. */
const MIN_GRACE_AFTER_CUT_SECONDS = 60;

/** One run that has not ended: how far it is, what is to end it, and who follows it. */
export class Run {
  /** The state now; the store may be a step behind. */
  state: RunState;
  /** Known from the preparation on. */
  provider = NO_PROVIDER;
  /** Its agent has been silent for longer than is usual. */
  isStalled = false;
  /** What became of its log, if not every event could be written. */
  logFault: RunnerError | null = null;
  /** This server stops and will not start it: the next one will. */
  isLeftToTheNext = false;
  /** It got its slot at once: what goes wrong in its preparation is still an answer's status. */
  admittedAtOnce = false;

  /** Settles when admission has taken the run; rejects with why it refused it. */
  readonly accepted = new Deferred<void>();
  /** Settles when the agent has been started; rejects when the run has ended before. */
  readonly prepared = new Deferred<void>();
  /** Settles when the run has ended and its slot is free. */
  readonly ended = new Deferred<void>();
  /** Settles when the server ends while the run still waits: the next one takes it up. */
  readonly handedOver = new Deferred<void>();

  private endCause: EndCause | null = null;
  private exitSeen = false;
  private readonly stopping = new AbortController();
  private readonly leaving = new AbortController();
  private followers = 0;
  private grace: NodeJS.Timeout | null = null;
  /** Until when a client whose connection the server has cut may come back, on the monotonic clock. */
  private awaitedUntil = 0;

  /** @param graceSeconds how long it outlives its last follower, where that cancels it */
  constructor(
    readonly record: RunRecord,
    readonly log: RunLog,
    private readonly graceSeconds: number,
  ) {
    this.state = record.state;
    // Every follower listens, however many there are.
    setMaxListeners(0, this.stopSignal, this.leftQueue);
    // Whoever waits is told; a rejection that nobody waits for is no error of the process.
    for (const { promise } of [this.accepted, this.prepared, this.ended]) {
      promise.catch(() => undefined);
    }
    // A grace may be of days: it must not keep what has ended in memory.
    void this.ended.promise.then(() => this.endGrace());
  }

  get id(): string {
    return this.record.id;
  }

  get sessionId(): string {
    return this.record.sessionId;
  }

  /** What it brings to admission. */
  get ticket(): Ticket {
    const { id, sessionId, userKey } = this.record;
    return { runId: id, sessionId, userKey };
  }

  /** It goes on without followers, and waits through a restart of the server. */
  get isDetached(): boolean {
    return this.record.order.onDisconnect === 'continue';
  }

  /** The first cause that was recorded. */
  get cause(): EndCause | null {
    return this.endCause;
  }

  /** Aborted when there is a cause to end the run. */
  get stopSignal(): AbortSignal {
    return this.stopping.signal;
  }

  /** Aborted when the run waits no more, whether it was admitted or has ended. */
  get leftQueue(): AbortSignal {
    return this.leaving.signal;
  }

  /** Notes that the run waits no more. */
  leaveQueue(): void {
    this.leaving.abort();
  }

  /** Records why the run is to end. The first cause wins; after the agent's exit nothing changes it. */
  stop(cause: EndCause): void {
    if (this.endCause !== null || this.exitSeen || hasEnded(this.state)) return;
    this.endCause = cause;
    this.stopping.abort(cause);
  }

  /** The agent has ended by itself or by its signal: the outcome is decided. */
  noteExit(): void {
    this.exitSeen = true;
  }

  /**
   * Counts a follower until the returned function is called. When the last one has gone and has not
   * come back within the grace, the run is cancelled, unless it is detached (contract, section 9).
   */
  attachFollower(): (departure: Departure) => void {
    this.followers += 1;
    this.endGrace();
    let attached = true;
    return (departure) => {
      if (!attached) return;
      attached = false;
      this.followers -= 1;
      const now = monotonicSeconds();
      if (departure === 'cut') this.awaitedUntil = now + MIN_GRACE_AFTER_CUT_SECONDS;
      if (this.followers === 0 && !this.isDetached) this.outlive(this.awaitedUntil - now);
    };
  }

  private endGrace(): void {
    if (this.grace !== null) clearTimeout(this.grace);
    this.grace = null;
  }

  private outlive(atLeastSeconds: number): void {
    const seconds = Math.max(this.graceSeconds, atLeastSeconds);
    const cancel = () => {
      this.stop({
        reason: 'cancelled',
        code: 'client_gone',
        detail: 'The client closed its connection before the run had ended.',
      });
    };
    if (seconds <= 0) cancel();
    else if (!hasEnded(this.state)) this.grace = setTimeout(cancel, seconds * 1000).unref();
  }
}

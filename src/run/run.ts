import { randomBytes, randomUUID } from 'node:crypto';
import type { ErrorCode } from '../common/errors.js';
import { nowUtc } from '../common/clock.js';
import { userKeyOf } from '../admission/user-key.js';
import { newSessionId } from '../workspace/session-id.js';
import type { RunLog } from './run-log.js';
import type { RunRequest } from './run-request.js';

/** Why a run ended; also its state from then on (contract, section 8). */
export type EndReason = 'completed' | 'timeout' | 'cancelled' | 'failed';
export type RunState = 'queued' | 'preparing' | 'running' | EndReason;

/** What ended a run, where it was not the agent itself. */
export interface EndCause {
  reason: EndReason;
  code: ErrorCode | 'client_gone' | null;
  detail: string | null;
}

/** One run: what was asked for, how far it is, and what is to end it. */
export class Run {
  readonly createdAt = nowUtc();
  readonly sessionId: string;
  readonly userId: string | null;
  readonly userKey: string;
  /** Stands in the environment of every process of the run; nobody can guess it. */
  readonly cookie = randomBytes(18).toString('base64url');
  state: RunState = 'queued';
  /** Known from the preparation on. */
  provider = 'none';

  private endCause: EndCause | null = null;
  private exitSeen = false;
  private readonly stopping = new AbortController();
  private readonly leaving = new AbortController();
  private followers = 0;

  constructor(
    readonly id: string,
    readonly request: RunRequest,
    readonly log: RunLog,
  ) {
    this.sessionId = request.session_id ?? newSessionId();
    this.userId = request.user_id?.trim() ?? null;
    this.userKey = userKeyOf(this.userId, this.sessionId);
  }

  static newId(): string {
    return randomUUID().replaceAll('-', '');
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

  leaveQueue(): void {
    this.leaving.abort();
  }

  /** Records why the run is to end. The first cause wins; after the agent's exit nothing changes it. */
  stop(cause: EndCause): void {
    if (this.endCause !== null || this.exitSeen) return;
    this.endCause = cause;
    this.stopping.abort(cause);
  }

  /** The agent has ended by itself or by its signal: the outcome is decided. */
  noteExit(): void {
    this.exitSeen = true;
  }

  /**
   * Counts a follower until the returned function is called. When the last one has gone, the run is
   * cancelled (contract, section 9, with a grace of 0).
   */
  attachFollower(): () => void {
    this.followers += 1;
    let attached = true;
    return () => {
      if (!attached) return;
      attached = false;
      this.followers -= 1;
      if (this.followers === 0) {
        this.stop({
          reason: 'cancelled',
          code: 'client_gone',
          detail: 'The client closed its connection before the run had ended.',
        });
      }
    };
  }
}

import { Inject, Injectable } from '@nestjs/common';
import { ADMISSION, type Admission } from '../admission/admission.js';
import { RunnerError } from '../common/errors.js';
import { RunnerConfig } from '../config/runner-config.js';
import { PackageResolver } from '../packages/package-resolver.js';
import type { ActingCaller } from '../tenancy/acting-caller.js';
import { SessionClaims } from '../tenancy/session-claims.js';
import { SessionQuota } from '../quota/session-quota.service.js';
import { claimOf } from './idempotency.js';
import { LiveRuns } from './live-runs.js';
import { forUser, recordOf } from './new-run.js';
import { RunLife } from './run-life.js';
import { RUN_LOGS, type RunLogs } from './run-log.js';
import type { KeyClaim, RunRecord } from './run-record.js';
import type { OnDisconnect, RunRequest } from './run-request.js';
import { RUN_STORE, type RunStore } from './run-store.js';
import { ServerState } from './server-state.js';
import { Run } from './run.js';
import { SessionPast } from './session-past.js';

/** Seconds that a run with an idempotency key outlives its last follower: its client may come back. */
const KEYED_GRACE_SECONDS = 30;

/** What came with a POST. */
export interface Submission {
  request: RunRequest;
  caller: ActingCaller;
  /** `Idempotency-Key`, or undefined. */
  key: string | undefined;
  /** `Last-Event-ID`: the client believes that it repeats a POST. */
  lastEventId: string | undefined;
  /** What holds if the request does not say. */
  onDisconnect: OnDisconnect;
}

/** The run of a POST: one that lives, be it new or not, or the record of one that has ended. */
export type Submitted = { run: Run } | { ended: RunRecord };

/** Makes runs of requests, each once, however often it is asked for it. */
@Injectable()
export class RunIntake {
  constructor(
    @Inject(ADMISSION) private readonly admission: Admission,
    @Inject(RUN_STORE) private readonly store: RunStore,
    @Inject(RUN_LOGS) private readonly logs: RunLogs,
    private readonly config: RunnerConfig,
    private readonly packages: PackageResolver,
    private readonly server: ServerState,
    private readonly live: LiveRuns,
    private readonly life: RunLife,
    private readonly sessions: SessionClaims,
    private readonly past: SessionPast,
    private readonly quota: SessionQuota,
  ) {}

  /**
   * Makes a run, which starts at once or waits for its slot, or finds the one that the key belongs to.
   * @throws {RunnerError} and then there is no run: `invalid_request`, `idempotency_key_reused`,
   *   `retry_unmatched`, `draining`, `package_not_found`, `package_invalid`, `session_busy`,
   *   `queue_full`, `user_queue_full`, `quota_exceeded`, `disk_full`, `session_not_found`
   */
  async submit(submission: Submission): Promise<Submitted> {
    const { caller, key, lastEventId, onDisconnect } = submission;
    const request = forUser(submission.request, caller.userId);
    const claim = key === undefined ? null : claimOf(key, submission.request, caller);
    const known = claim === null ? null : await this.join(claim);
    if (known !== null) return known;
    if ((lastEventId ?? '').trim() !== '') throw unmatched();
    for (;;) {
      await this.server.requireAccepting();
      if (request.package_id !== undefined) await this.requirePackage(request.package_id);
      try {
        const record = recordOf(request, claim, onDisconnect);
        const made = await this.inOwnSession(caller, record, () => this.make(request, record));
        if (made !== null) return { run: made };
      } catch (error) {
        // What the session is busy with may be the run of this very key.
        const own = claim !== null && isBusy(error) ? await this.join(claim) : null;
        if (own === null) throw error;
        return own;
      }
      // Another request has taken the key meanwhile; if that one is refused, it is this one's turn.
      const joined = await this.join(claim!);
      if (joined !== null) return joined;
    }
  }

  /** Looks for a package no longer than a preparation may take: another program may hold the registry. */
  private async requirePackage(packageId: string): Promise<void> {
    const seconds = this.config.prepareTimeoutSeconds;
    const limit = AbortSignal.timeout(seconds * 1000);
    try {
      await this.packages.requireRequested(packageId, limit);
    } catch (cause) {
      if (!limit.aborted) throw cause;
      throw new RunnerError(
        'prepare_timeout',
        `The package could not be looked up within ${seconds} seconds; try again later.`,
        { cause },
      );
    }
  }

  /** The run that a key belongs to; null if there is none. */
  private async join(claim: KeyClaim): Promise<Submitted | null> {
    const owner = await this.store.findByKey(claim.key);
    if (owner === null) return null;
    if (owner.bodyHash !== claim.bodyHash) {
      throw new RunnerError(
        'idempotency_key_reused',
        'This Idempotency-Key belongs to a run with another body; take a new key for a new run.',
      );
    }
    const run = this.live.get(owner.runId);
    if (run !== undefined) {
      const isAccepted = await run.accepted.promise.then(
        () => true,
        () => false,
      );
      return isAccepted ? { run } : null;
    }
    const record = await this.store.get(owner.runId);
    return record === null ? null : { ended: record };
  }

  /** Makes a run in a session that is the caller's, or becomes that if there is a run. */
  private async inOwnSession(
    caller: ActingCaller,
    { sessionId, userKey }: RunRecord,
    make: () => Promise<Run | null>,
  ): Promise<Run | null> {
    const wasUsed = () => this.past.hasOthers(sessionId, userKey);
    const session = await this.sessions.claim(caller, sessionId, wasUsed);
    try {
      const run = await make();
      if (run !== null) session.keep();
      return run;
    } finally {
      session.release();
    }
  }

  /** Makes a run; null if its key belongs to another one. */
  private async make(request: RunRequest, record: RunRecord): Promise<Run | null> {
    // From here to `live.add` nothing is waited for: of two requests at once one sees the other, and
    // a server that begins to stop sees the run.
    if (!this.server.isAccepting) await this.server.requireAccepting();
    this.quota.require(record.sessionId, record.userKey);
    const others = this.othersToInterrupt(request, record);
    const run = new Run(record, this.logs.create(record.id), this.graceOf(record));
    this.live.add(run);
    try {
      if ((await this.store.create(record)) !== null) {
        this.forget(run, unmatched());
        return null;
      }
      const placement = await this.admission.enqueue(run.ticket, {
        instead: others.map(({ id }) => id),
      });
      for (const other of others) other.stop(interruptedBy(run));
      void this.life.lead(run, placement);
      return run;
    } catch (error) {
      this.forget(run, error);
      await this.store.remove(run.id);
      throw error;
    }
  }

  private forget(run: Run, why: unknown): void {
    this.live.delete(run);
    run.log.abandon();
    run.accepted.reject(why);
  }

  /**
   * The runs that are to make room in the session (contract, section 9).
   * @throws {RunnerError} `session_busy` if they may not
   */
  private othersToInterrupt(
    { on_busy: onBusy = 'queue' }: RunRequest,
    { sessionId, userKey }: RunRecord,
  ): Run[] {
    if (onBusy === 'queue') return [];
    const others = this.live.ofSession(sessionId);
    const mayInterrupt =
      onBusy === 'interrupt' && others.every(({ record }) => record.userKey === userKey);
    if (others.length === 0 || mayInterrupt) return others;
    throw new RunnerError(
      'session_busy',
      onBusy === 'interrupt'
        ? 'The session has a run of another user, which cannot be interrupted; wait for its end.'
        : 'The session has a run that has not ended; wait for it, cancel it, or let this one wait.',
    );
  }

  private graceOf({ claim }: RunRecord): number {
    return this.config.disconnectGraceSeconds ?? (claim === null ? 0 : KEYED_GRACE_SECONDS);
  }
}

function interruptedBy({ id }: Run) {
  return {
    reason: 'cancelled' as const,
    code: 'interrupted' as const,
    detail: `The run made room for the run ${id} of its session.`,
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof RunnerError && error.code === 'session_busy';
}

function unmatched(): RunnerError {
  return new RunnerError(
    'retry_unmatched',
    'Last-Event-ID says that this POST is a repetition, but no run belongs to its Idempotency-Key; nothing was started. Follow the run at /runs/{id}/events, or send the POST without Last-Event-ID.',
  );
}

import { Inject, Injectable } from '@nestjs/common';
import { ADMISSION, type Admission } from '../admission/admission.js';
import { settledWithin } from '../common/abort.js';
import { RunnerError } from '../common/errors.js';
import type { ActingCaller } from '../tenancy/acting-caller.js';
import { SessionAccess } from '../tenancy/session-access.js';
import { LiveRuns } from './live-runs.js';
import { RUN_LOGS, type RunLog, type RunLogs } from './run-log.js';
import type { EndCause, RunRecord } from './run-record.js';
import { RUN_STORE, type RunFilter, type RunPage, type RunStore } from './run-store.js';
import { NO_PROVIDER, type Run } from './run.js';

/** Where a waiting run stands. */
export interface QueuePosition {
  /** From 1. */
  position: number;
  pendingTotal: number;
}

/** A run as it is now. */
export interface RunView {
  record: RunRecord;
  /** Null once it waits no more. */
  queue: QueuePosition | null;
}

/** The log of a run. */
export interface FoundLog {
  /** Null once it has ended. */
  run: Run | null;
  log: RunLog;
  /** The log has its end. */
  hasEnd: boolean;
  /** Whose agent speaks in it; known when it does. */
  provider: () => string;
}

const DRAINING: EndCause = {
  reason: 'cancelled',
  code: 'draining',
  detail: 'The runner is being stopped; submit the prompt again in a moment.',
};

/** Finds runs, live and ended, and ends those that live. */
@Injectable()
export class RunService {
  constructor(
    @Inject(ADMISSION) private readonly admission: Admission,
    @Inject(RUN_STORE) private readonly store: RunStore,
    @Inject(RUN_LOGS) private readonly logs: RunLogs,
    private readonly live: LiveRuns,
    private readonly access: SessionAccess,
  ) {}

  /** @throws {RunnerError} `run_not_found`, also for a run that is not the caller's */
  async get(id: string, caller: ActingCaller): Promise<RunView> {
    const record = await this.store.get(id);
    if (record === null || !this.access.allowsRun(caller, record)) throw notFound();
    return this.view(record);
  }

  /** The caller's runs that a filter lets pass, newest first. */
  async list(
    filter: RunFilter,
    caller: ActingCaller,
  ): Promise<{ runs: RunView[]; next: RunPage['next'] }> {
    const { runs, next } = await this.ownOf(filter, caller);
    return { runs: await Promise.all(runs.map((record) => this.view(record))), next };
  }

  private async ownOf(filter: RunFilter, caller: ActingCaller): Promise<RunPage> {
    // A user_id in the query has always been a filter: whoever may name any user has the whole list.
    const { confinedTo } = caller;
    if (confinedTo === null || caller.source === 'request') return this.store.list(filter);
    const runs: RunRecord[] = [];
    let next = filter.before;
    do {
      const limit = filter.limit - runs.length;
      const page = await this.store.list({ ...filter, userKey: confinedTo, limit, before: next });
      runs.push(...page.runs.filter((record) => this.access.allowsRun(caller, record)));
      next = page.next;
    } while (next !== null && runs.length < filter.limit);
    return { runs, next };
  }

  /**
   * The log of a run, whether it has its end, whose agent speaks in it, and the run itself while it lives.
   * @throws {RunnerError} `run_not_found`, also for a run that is not the caller's; `cursor_expired` if its
   *   events are kept no more
   */
  async logOf(id: string, caller: ActingCaller): Promise<FoundLog> {
    const run = this.live.get(id);
    if (run !== undefined) {
      if (!this.access.allowsRun(caller, run.record)) throw notFound();
      return { run, log: run.log, hasEnd: false, provider: () => run.provider };
    }
    const record = await this.store.get(id);
    if (record === null || !this.access.allowsRun(caller, record)) throw notFound();
    const log = record.eventsExpired ? null : this.logs.open(id, record.lastEventId);
    if (log === null) {
      throw new RunnerError(
        'cursor_expired',
        'The events of this run are kept no more; what is known of its end stands at /runs/{id}.',
      );
    }
    const provider = record.agent?.provider ?? NO_PROVIDER;
    return { run: null, log, hasEnd: record.isEndLogged, provider: () => provider };
  }

  /**
   * Cancels a run and waits for its end; does nothing to one that has ended.
   * @param waitSeconds how long to wait
   * @throws {RunnerError} `run_not_found`, also for a run that is not the caller's
   */
  async cancel(id: string, caller: ActingCaller, waitSeconds: number): Promise<RunView> {
    const run = this.live.get(id);
    if (run !== undefined && this.access.allowsRun(caller, run.record)) {
      run.stop({
        reason: 'cancelled',
        code: 'cancel_requested',
        detail: 'The run was cancelled on request.',
      });
      await settledWithin(waitSeconds, run.ended.promise);
    }
    return this.get(id, caller);
  }

  /** What place a waiting run has, and how many wait; null once it waits no more. */
  async queuePosition(runId: string): Promise<QueuePosition | null> {
    const position = await this.admission.position(runId);
    if (position === null) return null;
    return { position, pendingTotal: (await this.admission.snapshot()).pendingTotal };
  }

  /**
   * Lets live runs end within so many seconds, then ends those that are left, and waits for the last
   * end. What waits is not started any more: detached runs are left to the next server, unless somebody
   * cancels them until then; others end.
   */
  async drain(seconds: number): Promise<void> {
    // Some may be on their way into the queue.
    await Promise.allSettled(this.live.all().map((run) => run.accepted.promise));
    const waiting = this.live
      .all()
      .filter(({ leftQueue, isLeftToTheNext }) => isLeftToTheNext || !leftQueue.aborted);
    const left = waiting.filter(({ isDetached }) => isDetached);
    for (const run of left) run.isLeftToTheNext = true;
    for (const run of waiting) {
      if (run.isDetached) await this.admission.release(run.id);
      else run.stop(DRAINING);
    }
    const others = this.live.all().filter((run) => !left.includes(run));
    const ended = Promise.all(others.map((run) => run.ended.promise));
    await settledWithin(seconds, ended);
    for (const run of others) run.stop(DRAINING);
    await ended;
    for (const run of left) run.handedOver.resolve();
    await Promise.all(left.map((run) => run.ended.promise));
  }

  private async view(record: RunRecord): Promise<RunView> {
    const run = this.live.get(record.id);
    if (run === undefined) return { record, queue: null };
    return {
      record: { ...record, state: run.state, lastEventId: run.log.lastEventId },
      queue: await this.queuePosition(record.id),
    };
  }
}

function notFound(): RunnerError {
  return new RunnerError('run_not_found', 'There is no run with this id, or it is kept no more.');
}

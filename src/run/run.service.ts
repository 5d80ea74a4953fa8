import { Inject, Injectable } from '@nestjs/common';
import { ADMISSION, type Admission, type Placement } from '../admission/admission.js';
import { monotonicSeconds } from '../common/clock.js';
import { Deferred } from '../common/deferred.js';
import { RunnerError } from '../common/errors.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { PackageResolver } from '../packages/package-resolver.js';
import { RUN_LOGS, type RunLogs } from './run-log.js';
import { RunExecution } from './run-execution.js';
import { RunMetrics } from './run-metrics.js';
import type { RunRequest } from './run-request.js';
import { Run } from './run.js';

/** A run that was just made. */
export interface StartedRun {
  run: Run;
  /** It got its slot at once: what goes wrong while it is prepared is still the answer's status. */
  admittedAtOnce: boolean;
  /** Settles when the agent has been started or the run has failed; rejects in the second case. */
  prepared: Promise<void>;
}

/** Admits runs, leads each through its life, and ends them all when the server stops. */
@Injectable()
export class RunService {
  private readonly live = new Map<string, { run: Run; ended: Promise<void> }>();
  private draining = false;

  constructor(
    @Inject(ADMISSION) private readonly admission: Admission,
    @Inject(RUN_LOGS) private readonly logs: RunLogs,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly packages: PackageResolver,
    private readonly execution: RunExecution,
    private readonly metrics: RunMetrics,
  ) {}

  /** The server is stopping and takes no new runs. */
  get isDraining(): boolean {
    return this.draining;
  }

  /**
   * Makes a run of a valid request: it starts at once, or waits for its slot.
   * @throws {RunnerError} `draining`, `package_not_found`, `package_invalid`, `queue_full`,
   *   `user_queue_full`: then there is no run
   */
  async start(request: RunRequest): Promise<StartedRun> {
    try {
      this.refuseWhileDraining();
      if (request.package_id !== undefined)
        await this.packages.requireRequested(request.package_id);
      return await this.admit(request);
    } catch (error) {
      this.metrics.noteRefusal(error);
      throw error;
    }
  }

  /** What place a waiting run has, from 1, and how many wait; null once it waits no more. */
  async queuePosition(run: Run): Promise<{ position: number; pendingTotal: number } | null> {
    const position = await this.admission.position(run.id);
    if (position === null) return null;
    return { position, pendingTotal: (await this.admission.snapshot()).pendingTotal };
  }

  /** Takes no new runs, ends all that live, and waits until the last one has ended. */
  async drain(): Promise<void> {
    this.draining = true;
    for (const { run } of this.live.values()) {
      run.stop({
        reason: 'cancelled',
        code: 'draining',
        detail: 'The runner is being stopped; submit the prompt again in a moment.',
      });
    }
    await Promise.all([...this.live.values()].map(({ ended }) => ended));
  }

  /** Kills every agent without waiting; for a server that has no time left. */
  killAll(): void {
    this.draining = true;
    this.execution.killAll();
  }

  private refuseWhileDraining(): void {
    if (this.draining) {
      throw new RunnerError('draining', 'The runner is being stopped; try again in a moment.', {
        retryAfterSeconds: 5,
      });
    }
  }

  private async admit(request: RunRequest): Promise<StartedRun> {
    const id = Run.newId();
    const run = new Run(id, request, this.logs.create(id));
    const placement = await this.admission.enqueue({
      runId: run.id,
      userKey: run.userKey,
      sessionId: run.sessionId,
    });
    const log = this.logger.child({ run: run.id, session: run.sessionId, user: run.userId });
    log.info({ position: placement.position }, 'run accepted');
    const prepared = new Deferred<void>();
    // Who asks is told; a rejection that nobody waits for is no error of the process.
    prepared.promise.catch(() => undefined);
    const ended = this.lead(run, placement, prepared, log);
    this.live.set(run.id, { run, ended });
    // The server began to stop while the run was being admitted.
    if (this.draining) void this.drain();
    return { run, admittedAtOnce: placement.position === null, prepared: prepared.promise };
  }

  private async lead(
    run: Run,
    placement: Placement,
    prepared: Deferred<void>,
    log: Logger,
  ): Promise<void> {
    const enqueued = monotonicSeconds();
    const withdraw = () => void this.admission.release(run.id);
    run.stopSignal.addEventListener('abort', withdraw);
    if (run.stopSignal.aborted) withdraw();
    const admitted = await placement.granted;
    run.stopSignal.removeEventListener('abort', withdraw);
    run.leaveQueue();
    if (admitted) this.metrics.queueWait.observe(monotonicSeconds() - enqueued);
    await this.execution.execute(run, { admitted, prepared, log });
    this.live.delete(run.id);
  }
}

import { Inject, Injectable } from '@nestjs/common';
import { ADMISSION, type Admission, type Placement } from '../admission/admission.js';
import { untilAborted } from '../common/abort.js';
import { monotonicSeconds } from '../common/clock.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import { LiveRuns } from './live-runs.js';
import { RunEnding } from './run-ending.js';
import { endWithoutAgent } from './run-events.js';
import { RunExecution } from './run-execution.js';
import { RunMetrics } from './run-metrics.js';
import type { Run } from './run.js';

/** Leads runs that admission has taken through their lives. */
@Injectable()
export class RunLife {
  constructor(
    @Inject(ADMISSION) private readonly admission: Admission,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: RunnerConfig,
    private readonly live: LiveRuns,
    private readonly execution: RunExecution,
    private readonly ending: RunEnding,
    private readonly metrics: RunMetrics,
  ) {}

  /** Leads a run from the queue to its end. Never rejects. */
  async lead(run: Run, placement: Placement): Promise<void> {
    const log = this.logger.child({
      run: run.id,
      session: run.sessionId,
      user: run.record.userId,
    });
    run.admittedAtOnce = placement.position === null;
    log.info({ position: placement.position }, 'run accepted');
    run.accepted.resolve();
    await this.slot(run, placement);
    if (run.isLeftToTheNext && !(await this.isStoppedWhileLeft(run))) {
      this.live.delete(run);
      run.log.abandon();
      run.ended.resolve();
      log.info('run left waiting for the next server');
      return;
    }
    await this.ending.finish(
      run,
      run.cause === null
        ? await this.execution.execute(run, log)
        : { end: endWithoutAgent(run.cause) },
    );
  }

  /**
   * A run that this server will not start lives on with it, so that it can be followed and cancelled.
   * @returns whether it was cancelled before the server ended
   */
  private async isStoppedWhileLeft(run: Run): Promise<boolean> {
    // It may have got its slot in the moment in which it was left.
    await this.admission.release(run.id);
    const { stopSignal } = run;
    await untilAborted(run.handedOver.promise, stopSignal).catch(() => undefined);
    return stopSignal.aborted;
  }

  /** Waits until the run has its slot, or was taken out of the queue. */
  private async slot(run: Run, placement: Placement): Promise<void> {
    const enqueued = monotonicSeconds();
    const withdraw = () => void this.admission.release(run.id);
    const limit = this.config.maxQueueWaitSeconds;
    const patience =
      placement.position === null || limit === null
        ? null
        : setTimeout(() => {
            run.stop({
              reason: 'cancelled',
              code: 'queue_timeout',
              detail: `The run waited longer than ${limit} seconds for its slot; submit it again later.`,
            });
          }, limit * 1000);
    run.stopSignal.addEventListener('abort', withdraw);
    if (run.stopSignal.aborted) withdraw();
    const admitted = await placement.granted;
    run.stopSignal.removeEventListener('abort', withdraw);
    if (patience !== null) clearTimeout(patience);
    run.leaveQueue();
    if (admitted) this.metrics.queueWait.observe(monotonicSeconds() - enqueued);
  }
}

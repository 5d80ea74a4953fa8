import { Inject, Injectable } from '@nestjs/common';
import { ADMISSION, type Admission, type Placement } from '../admission/admission.js';
import { monotonicSeconds } from '../common/clock.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import { LiveRuns } from './live-runs.js';
import { type Ending, RunEnding } from './run-ending.js';
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
    const admitted = await this.slot(run, placement);
    if (!admitted && run.cause === null) await this.wait(run);
    let ending: Ending;
    if (admitted) {
      ending = await this.execution.execute(run, log);
    } else if (run.cause !== null) {
      ending = { end: endWithoutAgent(run.cause) };
    } else {
      this.live.delete(run);
      run.log.abandon();
      run.ended.resolve();
      log.info('run left waiting for the next server');
      return;
    }
    await this.ending.finish(run, ending);
  }

  /** Kills every agent without waiting; for a server that has no time left. */
  killAll(): void {
    this.execution.killAll();
  }

  /** A run that this server will not start lives on with it, so that it can be followed and cancelled. */
  private async wait(run: Run): Promise<void> {
    const stopped = new Promise((resolve) => run.stopSignal.addEventListener('abort', resolve));
    await Promise.race([stopped, run.handedOver.promise]);
  }

  /** Waits for the slot; false if the run was taken out of the queue. */
  private async slot(run: Run, placement: Placement): Promise<boolean> {
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
    return admitted;
  }
}

import type {
  Admission,
  AdmissionLimits,
  EnqueueOptions,
  Placement,
} from '../../src/admission/admission.js';
import { RunnerError } from '../../src/common/errors.js';

/** What an adapter gives the suite: a fresh admission with these limits, and nothing in it. */
export type AdmissionFactory = (limits: AdmissionLimits) => Admission | Promise<Admission>;

const ROOMY: AdmissionLimits = {
  globalConcurrentRuns: 100,
  perUserConcurrentRuns: 100,
  maxQueueSize: null,
  maxPendingPerUser: null,
};

/** An admission under test, and short words for what is asked of it. */
export class AdmissionFixture {
  admission!: Admission;

  constructor(private readonly factory: AdmissionFactory) {}

  async limitedTo(limits: Partial<AdmissionLimits>): Promise<void> {
    this.admission = await this.factory({ ...ROOMY, ...limits });
  }

  /** A run of a user; without a session it gets one of its own. */
  enqueue(
    runId: string,
    user = 'ann',
    session = `of-${runId}`,
    options: EnqueueOptions = {},
  ): Promise<Placement> {
    const ticket = { runId, userKey: `user:${user}`, sessionId: session };
    return this.admission.enqueue(ticket, options);
  }

  async refusalOf(attempt: Promise<Placement>): Promise<RunnerError> {
    const error: unknown = await attempt.then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(RunnerError);
    return error as RunnerError;
  }

  async canRunNow(user: string, session: string | null = null): Promise<boolean> {
    return (await this.admission.snapshotFor(`user:${user}`, session)).canRunNow;
  }

  async totals(): Promise<{ activeTotal: number; pendingTotal: number }> {
    const { activeTotal, pendingTotal } = await this.admission.snapshot();
    return { activeTotal, pendingTotal };
  }
}

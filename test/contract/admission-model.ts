import type { AdmissionLimits, Ticket } from '../../src/admission/admission.js';

export type Verdict = 'granted' | 'waiting' | 'queue_full' | 'user_queue_full';

/**
 * Admission in its plainest form: two lists that are searched from the front. What is fast and clever
 * elsewhere has to give the same answers.
 */
export class AdmissionModel {
  readonly active: Ticket[] = [];
  readonly waiting: Ticket[] = [];
  /** Sessions that are busy without a slot, and for which run. */
  readonly occupied: Omit<Ticket, 'userKey'>[] = [];
  /** Every run that got a slot, in the order of the grants. */
  readonly grants: string[] = [];

  constructor(private readonly limits: AdmissionLimits) {}

  enqueue(ticket: Ticket): Verdict {
    if (!this.canRunNow(ticket.userKey, ticket.sessionId)) {
      const { maxQueueSize, maxPendingPerUser } = this.limits;
      if (this.waiting.length >= (maxQueueSize ?? Infinity)) return 'queue_full';
      const pending = this.pendingOf(ticket.userKey);
      if (pending >= (maxPendingPerUser ?? Infinity)) return 'user_queue_full';
    }
    this.waiting.push(ticket);
    this.grant();
    return this.waiting.includes(ticket) ? 'waiting' : 'granted';
  }

  release(runId: string): void {
    for (const list of [this.active, this.waiting, this.occupied]) take(list, runId);
    this.grant();
  }

  releaseSlot(runId: string): void {
    const ticket = take(this.active, runId);
    if (ticket !== null) this.occupied.push(ticket);
    this.grant();
  }

  /** @returns whether the session was free */
  occupy(runId: string, sessionId: string): boolean {
    if (this.isBusy(sessionId)) return false;
    this.occupied.push({ runId, sessionId });
    return true;
  }

  position(runId: string): number | null {
    const index = this.waiting.findIndex((ticket) => ticket.runId === runId);
    return index < 0 ? null : index + 1;
  }

  canRunNow(userKey: string, sessionId: string | null): boolean {
    return (
      this.active.length < this.limits.globalConcurrentRuns &&
      this.activeOf(userKey) < this.limits.perUserConcurrentRuns &&
      !this.isBusy(sessionId)
    );
  }

  isBusy(sessionId: string | null): boolean {
    return [this.active, this.occupied].some((list) =>
      list.some((it) => it.sessionId === sessionId),
    );
  }

  activeOf(userKey: string): number {
    return this.active.filter((ticket) => ticket.userKey === userKey).length;
  }

  pendingOf(userKey: string): number {
    return this.waiting.filter((ticket) => ticket.userKey === userKey).length;
  }

  private grant(): void {
    for (;;) {
      const index = this.waiting.findIndex((w) => this.canRunNow(w.userKey, w.sessionId));
      if (index < 0) return;
      const [ticket] = this.waiting.splice(index, 1);
      this.active.push(ticket!);
      this.grants.push(ticket!.runId);
    }
  }
}

/** Takes what belongs to a run out of a list. */
function take<T extends { runId: string }>(list: T[], runId: string): T | null {
  const index = list.findIndex((it) => it.runId === runId);
  return index < 0 ? null : list.splice(index, 1)[0]!;
}

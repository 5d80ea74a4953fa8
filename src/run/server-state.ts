import { Inject, Injectable } from '@nestjs/common';
import { ADMISSION, type Admission } from '../admission/admission.js';
import { RunnerError } from '../common/errors.js';

/** Whether this server knows all runs, and takes new ones. */
@Injectable()
export class ServerState {
  private isTakenOver = false;
  private phase: 'serving' | 'leaving' | 'draining' = 'serving';

  constructor(@Inject(ADMISSION) private readonly admission: Admission) {}

  /** Why it is not ready, as a sentence; null if it is. */
  get notReady(): string | null {
    if (this.phase !== 'serving') return 'The runner is being stopped.';
    return this.isTakenOver
      ? null
      : 'The runner takes up what the last one has left, or waits for one that still holds its workspaces or its runtime folder.';
  }

  /** All that a server before this one has left is taken up: runs may come. */
  accept(): void {
    this.isTakenOver = true;
  }

  /** It is to stop: not ready any more, but it still takes runs from those who have not heard. */
  leave(): void {
    if (this.phase === 'serving') this.phase = 'leaving';
  }

  /** It takes no new runs. */
  drain(): void {
    this.phase = 'draining';
  }

  /** It takes new runs. */
  get isAccepting(): boolean {
    return this.isTakenOver && this.phase !== 'draining';
  }

  /** @throws {RunnerError} `draining`, with the time to try again */
  async requireAccepting(): Promise<void> {
    if (!this.isAccepting) await this.refuse();
  }

  /** @throws {RunnerError} `draining`, if it does not know all runs yet */
  async requireTakenOver(): Promise<void> {
    if (!this.isTakenOver) await this.refuse();
  }

  private async refuse(): Promise<never> {
    const { retryAfterSeconds } = await this.admission.snapshot();
    throw new RunnerError('draining', `${this.notReady} Try again in a moment.`, {
      retryAfterSeconds,
    });
  }
}

import { Injectable } from '@nestjs/common';
import type { Admission } from '../admission/admission.js';
import { RunnerError } from '../common/errors.js';

/** Whether this server knows all runs, and takes new ones. */
@Injectable()
export class ServerState {
  /** It holds its roots, and has taken up what a server before it has left. */
  hasTakenOver = false;

  private phase: 'starting' | 'accepting' | 'leaving' | 'draining' = 'starting';

  /** Why it is not ready, as a sentence; null if it is. */
  get notReady(): string | null {
    switch (this.phase) {
      case 'starting':
        return 'The runner waits for another one that still holds its workspaces or its runtime folder.';
      case 'accepting':
        return null;
      case 'leaving':
      case 'draining':
        return 'The runner is being stopped.';
    }
  }

  /** All that a server before this one has left is taken up: runs may come. */
  accept(): void {
    this.hasTakenOver = true;
    if (this.phase === 'starting') this.phase = 'accepting';
  }

  /** It is to stop: not ready any more, but it still takes runs from those who have not heard. */
  leave(): void {
    if (this.phase === 'accepting') this.phase = 'leaving';
  }

  /** It takes no new runs. */
  drain(): void {
    this.phase = 'draining';
  }

  /** It takes new runs. */
  get isAccepting(): boolean {
    return this.phase === 'accepting' || this.phase === 'leaving';
  }

  /** @throws {RunnerError} `draining`, with the time to try again */
  async requireAccepting(admission: Admission): Promise<void> {
    if (!this.isAccepting) await this.refuse(admission);
  }

  /** @throws {RunnerError} `draining`, with the time to try again */
  async refuse(admission: Admission): Promise<never> {
    const { retryAfterSeconds } = await admission.snapshot();
    throw new RunnerError('draining', `${this.notReady} Try again in a moment.`, {
      retryAfterSeconds,
    });
  }
}

import { Injectable } from '@nestjs/common';
import type { Run } from './run.js';

/** The runs of this server that have not ended, in the order in which they were made. */
@Injectable()
export class LiveRuns {
  private readonly runs = new Map<string, Run>();
  private readonly bySession = new Map<string, Set<Run>>();

  /** Notes a run that has been made. */
  add(run: Run): void {
    this.runs.set(run.id, run);
    const ofSession = this.bySession.get(run.sessionId);
    if (ofSession) ofSession.add(run);
    else this.bySession.set(run.sessionId, new Set([run]));
  }

  /** Forgets a run that has ended, or never came to be. */
  delete(run: Run): void {
    this.runs.delete(run.id);
    const ofSession = this.bySession.get(run.sessionId);
    ofSession?.delete(run);
    if (ofSession?.size === 0) this.bySession.delete(run.sessionId);
  }

  /** The run with an id, if it lives. */
  get(id: string): Run | undefined {
    return this.runs.get(id);
  }

  /** The live runs of a session. */
  ofSession(sessionId: string): Run[] {
    return [...(this.bySession.get(sessionId) ?? [])];
  }

  /** All live runs, in the order in which they were made. */
  all(): Run[] {
    return [...this.runs.values()];
  }
}

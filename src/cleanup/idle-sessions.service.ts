import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { RunnerConfig } from '../config/runner-config.js';
import { sessionIdsIn } from '../quota/session-folders.js';
import { SessionSizes } from '../quota/session-sizes.service.js';
import { LiveRuns } from '../run/live-runs.js';
import { RUN_STORE, type RunStore } from '../run/run-store.js';

const DAY_MS = 86_400_000;

/** How it is known since when a session is idle. */
export const IDLE_REASONS = ['last_activity', 'folder_time'] as const;

/** A session that nobody has used for a while. */
export interface IdleSession {
  sessionId: string;
  /** In milliseconds since 1970. */
  idleSince: number;
  /**
   * `last_activity`: its last run ended then, or it was written to over the API. `folder_time`: of neither
   * anything is known, and its folders have not changed since.
   */
  reason: (typeof IDLE_REASONS)[number];
}

/** Finds sessions that nobody uses any more. */
@Injectable()
export class IdleSessions {
  constructor(
    @Inject(RUN_STORE) private readonly store: RunStore,
    private readonly config: RunnerConfig,
    private readonly live: LiveRuns,
    private readonly sizes: SessionSizes,
  ) {}

  /**
   * The sessions that have been idle for longer than so many days, longest first: none that has a run
   * that is kept, lives, or waits.
   * @param now in milliseconds since 1970
   */
  async find(days: number, now: number): Promise<IdleSession[]> {
    const withRuns = await this.store.sessions();
    const found: IdleSession[] = [];
    for await (const id of sessionIdsIn(this.config.workspacesRoot)) {
      if (withRuns.has(id)) continue;
      const idle = await this.idleSince(id);
      if (idle !== null && now - idle.idleSince > days * DAY_MS && this.isStill(idle)) {
        found.push(idle);
      }
    }
    return found.sort((a, b) => a.idleSince - b.idleSince);
  }

  /** Whether nothing has happened in a session since it was found. In this turn of the event loop it holds. */
  isStill({ sessionId, idleSince }: IdleSession): boolean {
    const activeAt = this.sizes.activeAt(sessionId);
    const isUsed = activeAt !== null && Date.parse(activeAt) > idleSince;
    return !isUsed && this.live.ofSession(sessionId).length === 0;
  }

  /** Null where the session is gone. */
  private async idleSince(sessionId: string): Promise<IdleSession | null> {
    const activeAt = this.sizes.activeAt(sessionId);
    if (activeAt !== null) {
      return { sessionId, idleSince: Date.parse(activeAt), reason: 'last_activity' };
    }
    const workspace = join(this.config.workspacesRoot, sessionId);
    const times = await Promise.all([
      timeOf(workspace),
      timeOf(join(workspace, 'repo')),
      // Made anew for each run.
      timeOf(join(this.config.runtimeRoot, 'homes', sessionId)),
    ]);
    if (times[0] === null) return null;
    const idleSince = Math.max(...times.map((it) => it ?? 0));
    return { sessionId, idleSince, reason: 'folder_time' };
  }
}

/** When something was changed, in milliseconds since 1970; null if it is not there. */
function timeOf(path: string): Promise<number | null> {
  return lstat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => null,
  );
}

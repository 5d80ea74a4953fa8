import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { errnoOf } from '../common/errors.js';
import { RunnerConfig } from '../config/runner-config.js';
import { LiveRuns } from './live-runs.js';

/** What there is of a session that has no owner. */
@Injectable()
export class SessionPast {
  constructor(
    private readonly config: RunnerConfig,
    private readonly live: LiveRuns,
  ) {}

  /**
   * Whether a session holds something of others: a workspace, an agent's home or talk, or a run that lives.
   * Of its ended runs whoever becomes its owner sees nothing (`SessionAccess.allowsRun`).
   */
  async hasOthers(sessionId: string, userKey: string): Promise<boolean> {
    if (this.live.ofSession(sessionId).some(({ record }) => record.userKey !== userKey))
      return true;
    const { workspacesRoot, runtimeRoot } = this.config;
    const places = [
      join(workspacesRoot, sessionId),
      join(runtimeRoot, 'homes', sessionId),
      join(runtimeRoot, 'talks', `${sessionId}.json`),
    ];
    return (await Promise.all(places.map(isThere))).includes(true);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return false;
  }
}

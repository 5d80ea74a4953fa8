import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { monotonicSeconds } from '../common/clock.js';
import { type FileLock, lockFile } from '../common/file-lock.js';
import { RunnerConfig } from '../config/runner-config.js';

/** How long one attempt waits, in seconds; between two of them the waiting can be given up. */
const ATTEMPT_SECONDS = 1;

/**
 * One server at a time for a runtime root and for a workspaces root (contract, section 10): two would
 * each think the other's agents were left by a crash. The locks are never given back: they go with the
 * process, however it ends.
 */
@Injectable()
export class ServerLock {
  private readonly held: FileLock[] = [];

  constructor(private readonly config: RunnerConfig) {}

  /**
   * Waits for the locks.
   * @param seconds how long at most; 0 tries once
   * @returns whether this server has them
   */
  async take(seconds: number, signal?: AbortSignal): Promise<boolean> {
    const deadline = monotonicSeconds() + seconds;
    // Always in this order, so that no two servers wait for each other.
    const paths = [
      join(this.config.runtimeRoot, '.server.lock'),
      // No session's name begins with a dot.
      join(this.config.workspacesRoot, '.server.lock'),
    ];
    while (this.held.length < paths.length) {
      const left = deadline - monotonicSeconds();
      const wait = Math.max(0, Math.min(left, ATTEMPT_SECONDS));
      const lock = await lockFile(paths[this.held.length]!, wait, { mode: 0o600 });
      if (lock !== null) this.held.push(lock);
      else if (left <= 0 || signal?.aborted) return false;
    }
    return true;
  }
}

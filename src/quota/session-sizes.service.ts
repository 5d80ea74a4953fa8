import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { nowUtc } from '../common/clock.js';
import { Directory } from '../common/directory.js';
import { errnoOf } from '../common/errors.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import { SESSION_OWNERS, type SessionOwners } from '../tenancy/session-owners.js';
import { bytesOnDisk } from './bytes-on-disk.js';
import { sessionIdsIn } from './session-folders.js';
import { SessionRecords } from './session-records.js';
import { Usage } from './usage.js';

/** Sessions that are measured at a time: each of them reads the whole tree. */
const AT_A_TIME = 2;
/** How long one may take, in milliseconds. */
const MEASURING_MS = 300_000;

/**
 * Remembers when sessions were used last, and, where there are quotas, how much they take. That is
 * measured in the background when a session may have changed, never while somebody waits.
 */
@Injectable()
export class SessionSizes implements OnModuleDestroy {
  private readonly records: SessionRecords;
  private readonly usage = new Usage();
  /** In the order in which they are measured; those that have changed come before those of the start. */
  private readonly changedOnes = new Set<string>();
  private readonly unknownOnes = new Set<string>();
  private readonly underWay = new Set<string>();
  /** What is found of these does not count any more. */
  private readonly forgotten = new Set<string>();
  private readonly stopping = new AbortController();

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(SESSION_OWNERS) private readonly owners: SessionOwners,
    private readonly config: RunnerConfig,
  ) {
    this.records = new SessionRecords(join(config.runtimeRoot, 'usage'));
  }

  /** A run of a session has ended, or it was written to. Returns at once. */
  changed(sessionId: string): void {
    // A run that ended before it was prepared may leave none.
    const isThere = existsSync(join(this.config.workspacesRoot, sessionId));
    try {
      if (isThere) this.records.change(sessionId, { activeAt: nowUtc() });
      else this.forget(sessionId);
    } catch (err) {
      this.logger.warn({ err, session: sessionId }, 'the use of a session could not be noted');
    }
    if (!isThere || !this.isMeasuring) return;
    this.unknownOnes.delete(sessionId);
    this.changedOnes.add(sessionId);
    this.goOn();
  }

  /** A session is no more. */
  forget(sessionId: string): void {
    this.usage.delete(sessionId);
    this.changedOnes.delete(sessionId);
    this.unknownOnes.delete(sessionId);
    if (this.underWay.has(sessionId)) this.forgotten.add(sessionId);
    this.records.remove(sessionId);
  }

  /** When a session was used last, as ISO-8601; null if that was before anybody noted it. */
  activeAt(sessionId: string): string | null {
    return this.records.read(sessionId).activeAt;
  }

  /** What a session was found to take on the disk, in bytes; null if that is not known. */
  bytesOf(sessionId: string): number | null {
    return this.usage.ofSession(sessionId) ?? this.records.read(sessionId).bytes;
  }

  /** What all sessions of an owner were found to take, in bytes; only where there are quotas. */
  bytesOfOwner(owner: string): number {
    return this.usage.ofOwner(owner);
  }

  /** Takes up what servers before this one have found, and measures what they have not. */
  async takeUp(): Promise<void> {
    if (!this.isMeasuring) return;
    try {
      for await (const id of sessionIdsIn(this.config.workspacesRoot)) {
        if (this.stopping.signal.aborted) return;
        const { bytes, measuredAt, activeAt } = this.records.read(id);
        if (bytes !== null) this.usage.set(id, bytes, this.owners.ownerOf(id));
        // It has changed since, and the server died before it looked, or there were no quotas then.
        if (measuredAt !== null && (activeAt ?? '') < measuredAt) continue;
        if (!this.changedOnes.has(id) && !this.underWay.has(id)) this.unknownOnes.add(id);
      }
    } catch (err) {
      this.logger.error({ err }, 'the sizes of sessions could not be taken up');
    }
    this.goOn();
  }

  onModuleDestroy(): void {
    this.stopping.abort();
  }

  private get isMeasuring(): boolean {
    const { quotaBytes, userQuotaBytes } = this.config.sessions;
    return quotaBytes !== null || userQuotaBytes !== null;
  }

  private goOn(): void {
    while (this.underWay.size < AT_A_TIME && !this.stopping.signal.aborted) {
      const next = this.next();
      if (next === null) return;
      this.underWay.add(next);
      void this.measure(next).finally(() => {
        this.underWay.delete(next);
        this.forgotten.delete(next);
        this.goOn();
      });
    }
  }

  /** One that is being measured waits until that is done: of two figures the later one must win. */
  private next(): string | null {
    for (const waiting of [this.changedOnes, this.unknownOnes]) {
      for (const id of waiting) {
        if (this.underWay.has(id)) continue;
        waiting.delete(id);
        return id;
      }
    }
    return null;
  }

  private async measure(sessionId: string): Promise<void> {
    const measuredAt = nowUtc();
    const limit = new AbortController();
    const stop = () => limit.abort();
    const clock = setTimeout(stop, MEASURING_MS).unref();
    this.stopping.signal.addEventListener('abort', stop);
    try {
      const bytes = await this.look(sessionId, limit.signal);
      if (bytes === null) this.forget(sessionId);
      if (bytes === null || this.forgotten.has(sessionId)) return;
      this.usage.set(sessionId, bytes, this.owners.ownerOf(sessionId));
      this.records.change(sessionId, { bytes, measuredAt });
    } catch (err) {
      if (this.stopping.signal.aborted) return;
      this.logger.warn({ err, session: sessionId }, 'the size of a session could not be found');
    } finally {
      clearTimeout(clock);
      this.stopping.signal.removeEventListener('abort', stop);
    }
  }

  /** What a session has in `repo/`, and its commits. Null if there is no such session. */
  private async look(sessionId: string, signal: AbortSignal): Promise<number | null> {
    const root = await Directory.open(this.config.workspacesRoot);
    try {
      const workspace = await root.openSub(sessionId);
      try {
        const files = (await bytesOnDisk(workspace, 'repo', signal)) ?? 0;
        return files + (await this.bytesOfCommits(sessionId, signal));
      } finally {
        await workspace.close();
      }
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    } finally {
      await root.close();
    }
  }

  private async bytesOfCommits(sessionId: string, signal: AbortSignal): Promise<number> {
    const root = join(this.config.runtimeRoot, 'git');
    if (!existsSync(root)) return 0;
    const histories = await Directory.open(root);
    try {
      return (await bytesOnDisk(histories, sessionId, signal)) ?? 0;
    } finally {
      await histories.close();
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { LOGGER, type Logger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import { LiveRuns } from './live-runs.js';
import { RUN_LOGS, type RunLogs } from './run-log.js';
import { type EndedRun, RUN_STORE, type RunStore } from './run-store.js';

const HOUR_MS = 3_600_000;
/** How often it is looked whether something has to go, in milliseconds. */
const INTERVAL_MS = 30_000;

/**
 * Keeps what ended runs leave within bounds (contract, section 11): after some time a run goes with
 * all that belongs to it, and when there are too many bytes, events go before. Never a run that lives,
 * never one that somebody follows.
 */
@Injectable()
export class RetentionService implements OnModuleDestroy {
  private readonly stopping = new AbortController();

  constructor(
    @Inject(RUN_STORE) private readonly store: RunStore,
    @Inject(RUN_LOGS) private readonly logs: RunLogs,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: RunnerConfig,
    private readonly live: LiveRuns,
  ) {}

  /** Looks again and again, until the server ends. */
  async watch(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await sleep(INTERVAL_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      await this.sweep(Date.now()).catch((err: unknown) => {
        this.logger.error({ err }, 'old runs could not be removed');
      });
    }
  }

  onModuleDestroy(): void {
    this.stopping.abort();
  }

  /** Removes what has to go at a time (in milliseconds since 1970). */
  async sweep(now: number): Promise<void> {
    const oldest = now - this.config.retainRunsHours * HOUR_MS;
    const kept: EndedRun[] = [];
    for await (const run of this.store.ended()) {
      if (this.isInUse(run.id) || Date.parse(run.endedAt) > oldest) kept.push(run);
      else await this.attempt(run.id, () => this.forget(run.id));
    }
    await this.makeRoom(kept);
  }

  private async forget(id: string): Promise<void> {
    // The record last: should the server die in between, the next sweep finds it again.
    this.logs.remove(id);
    await this.store.remove(id);
  }

  /** Takes the events of the oldest runs of the user who holds most, until all that is left fits. */
  private async makeRoom(runs: readonly EndedRun[]): Promise<void> {
    const holdings = new Map<string, { bytes: number; runs: EndedRun[] }>();
    let total = 0;
    for (const run of runs) {
      const holding = holdings.get(run.userKey) ?? { bytes: 0, runs: [] };
      holdings.set(run.userKey, holding);
      holding.bytes += run.eventBytes;
      total += run.eventBytes;
      if (run.eventBytes > 0 && !this.isInUse(run.id)) holding.runs.push(run);
    }
    for (const { runs: own } of holdings.values()) {
      own.sort((a, b) => (a.endedAt < b.endedAt ? -1 : 1)).reverse();
    }
    while (total > this.config.retainBytes) {
      const largest = [...holdings.values()]
        .filter((holding) => holding.runs.length > 0)
        .sort((a, b) => b.bytes - a.bytes)[0];
      if (largest === undefined) return;
      const run = largest.runs.pop()!;
      // Somebody may have begun to follow it while others were taken.
      if (this.isInUse(run.id)) continue;
      largest.bytes -= run.eventBytes;
      if (await this.attempt(run.id, () => this.expire(run.id))) total -= run.eventBytes;
    }
  }

  private async expire(id: string): Promise<void> {
    // The record first: it must not promise events that are gone.
    await this.store.annotate(id, { eventsExpired: true });
    this.logs.remove(id);
  }

  /** What cannot be removed is no reason to keep the rest. */
  private async attempt(run: string, step: () => Promise<void>): Promise<boolean> {
    try {
      await step();
      return true;
    } catch (err) {
      this.logger.error({ err, run }, 'an old run could not be removed');
      return false;
    }
  }

  private isInUse(id: string): boolean {
    return this.live.get(id) !== undefined || this.logs.isInUse(id);
  }
}

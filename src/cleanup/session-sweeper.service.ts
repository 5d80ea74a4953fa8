import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { RunnerError } from '../common/errors.js';
import { Limiter } from '../common/limiter.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import { SessionSizes } from '../quota/session-sizes.service.js';
import { SessionRemoval } from '../sessions/session-removal.service.js';
import { type IdleSession, IdleSessions } from './idle-sessions.service.js';

/** How often it is looked whether sessions have to go, in milliseconds. */
const INTERVAL_MS = 3_600_000;
/** Sessions that are removed at a time. */
const AT_A_TIME = 2;

/** Removes sessions that nobody has used for longer than the administrator keeps them. */
@Injectable()
export class SessionSweeper implements OnModuleDestroy {
  private readonly stopping = new AbortController();
  private readonly turns = new Limiter(AT_A_TIME);

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: RunnerConfig,
    private readonly idle: IdleSessions,
    private readonly removal: SessionRemoval,
    private readonly sizes: SessionSizes,
  ) {}

  /** Looks now, and again and again until the server ends; not at all where all sessions are kept. */
  async watch(): Promise<void> {
    const { signal } = this.stopping;
    const { removeAfterDays } = this.config.sessions;
    if (removeAfterDays === null) return;
    while (!signal.aborted) {
      await this.sweep(removeAfterDays, Date.now()).catch((err: unknown) => {
        this.logger.error({ err }, 'idle sessions could not be looked for');
      });
      await sleep(INTERVAL_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  onModuleDestroy(): void {
    this.stopping.abort();
  }

  /** Removes what has to go at a time (in milliseconds since 1970), or only says so. */
  async sweep(days: number, now: number): Promise<void> {
    const found = await this.idle.find(days, now);
    await Promise.all(found.map((it) => this.turns.run(() => this.remove(it))));
  }

  private async remove(idle: IdleSession): Promise<void> {
    const { sessionId: session, idleSince, reason } = idle;
    const facts = {
      session,
      idleSince: new Date(idleSince).toISOString(),
      reason,
      bytes: this.sizes.bytesOf(session),
    };
    if (this.config.sessions.isDryRun) {
      this.logger.info(facts, 'an idle session would be removed');
      return;
    }
    // Many may have been removed since it was found.
    if (this.stopping.signal.aborted || !this.idle.isStill(idle)) return;
    try {
      await this.removal.remove(session);
      this.logger.info(facts, 'an idle session was removed');
    } catch (err) {
      // Something of its last run is still there, or somebody else has removed it: the next sweep sees.
      if (err instanceof RunnerError && PASSING.includes(err.code)) return;
      this.logger.error({ err, session }, 'an idle session could not be removed');
    }
  }
}

const PASSING: readonly string[] = ['session_busy', 'session_not_found'];

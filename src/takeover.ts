import type { NestExpressApplication } from '@nestjs/platform-express';
import { SessionSweeper } from './cleanup/session-sweeper.service.js';
import type { Logger } from './common/logger.js';
import type { RunnerConfig } from './config/runner-config.js';
import { RunChanges } from './files/changes/run-changes.service.js';
import { ManagedStorage } from './packages/managed-storage.js';
import { SessionSizes } from './quota/session-sizes.service.js';
import { AgentSpawner } from './run/agent-process.js';
import { RecoveryService } from './run/recovery.service.js';
import { RetentionService } from './run/retention.service.js';
import { ServerLock } from './run/server-lock.js';
import { ServerState } from './run/server-state.js';
import { SessionRemoval } from './sessions/session-removal.service.js';
import { WebhookService } from './webhook/webhook.service.js';

/** Takes up what the last server has left, and then new runs; nothing more once it is given up. */
export class Takeover {
  private readonly ending = new AbortController();
  private begun: Promise<void> = Promise.resolve();

  constructor(
    private readonly app: NestExpressApplication,
    private readonly config: RunnerConfig,
    private readonly logger: Logger,
  ) {}

  /** This server holds the roots. */
  async begin(): Promise<void> {
    if (this.ending.signal.aborted) return;
    this.begun = this.takeUp();
    try {
      await this.begun;
    } catch (error) {
      this.app.get(AgentSpawner).killAll();
      throw error;
    }
  }

  /** Another server still holds the roots: this one is live, but not ready, until that one has gone. */
  async waitForTheOther(): Promise<void> {
    const { lockWaitSeconds } = this.config;
    this.logger.warn(
      'another runner holds the workspaces root or the runtime root; waiting for its end',
    );
    if (await this.app.get(ServerLock).take(lockWaitSeconds, this.ending.signal)) {
      await this.begin();
      this.logger.info('the other runner has ended; taking runs');
    } else if (!this.ending.signal.aborted) {
      this.logger.fatal(
        `Another runner still holds FERMILINK_RUNTIME_ROOT or FERMILINK_WORKSPACES_ROOT after ${lockWaitSeconds} seconds; stop it, or give this one roots of its own.`,
      );
      process.exit(1);
    }
  }

  /** Resolves when nothing more is taken up. */
  async giveUp(): Promise<void> {
    this.ending.abort();
    // Whoever began it is told what went wrong.
    await this.begun.catch(() => undefined);
  }

  private async takeUp(): Promise<void> {
    await this.app.get(SessionRemoval).finish();
    await this.app.get(RecoveryService).recover(this.ending.signal);
    this.app.get(ServerState).accept();
    this.app.get(RunChanges).warmUp();
    void this.app.get(RetentionService).watch();
    void this.app.get(WebhookService).takeUp();
    void this.app.get(SessionSizes).takeUp();
    void this.app.get(SessionSweeper).watch();
    // Nobody waits for it: no rest is taken for a package.
    this.app
      .get(ManagedStorage)
      .removeRests()
      .catch((err: unknown) => {
        this.logger.warn({ err }, 'what an interrupted upload has left could not be removed');
      });
  }
}

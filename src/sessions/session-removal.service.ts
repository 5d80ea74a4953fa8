import { Inject, Injectable } from '@nestjs/common';
import { ADMISSION, type Admission } from '../admission/admission.js';
import { errnoOf, RunnerError } from '../common/errors.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { RunChanges } from '../files/changes/run-changes.service.js';
import { History } from '../files/history/history.service.js';
import { Staging } from '../files/staging.service.js';
import { ProviderService } from '../provider/provider.service.js';
import { SessionSizes } from '../quota/session-sizes.service.js';
import { LiveRuns } from '../run/live-runs.js';
import { SessionClaims } from '../tenancy/session-claims.js';
import { SESSION_OWNERS, type SessionOwners } from '../tenancy/session-owners.js';
import { sessionNotFound } from '../tenancy/session-access.js';
import { SESSION_ID } from '../workspace/session-id.js';

/** Removes sessions with all that is kept for them, but the records of their runs. */
@Injectable()
export class SessionRemoval {
  constructor(
    @Inject(ADMISSION) private readonly admission: Admission,
    @Inject(SESSION_OWNERS) private readonly owners: SessionOwners,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly claims: SessionClaims,
    private readonly live: LiveRuns,
    private readonly staging: Staging,
    private readonly providers: ProviderService,
    private readonly changes: RunChanges,
    private readonly history: History,
    private readonly sizes: SessionSizes,
  ) {}

  /**
   * Removes a session. A run that comes meanwhile waits, and begins the session anew.
   * @throws {RunnerError} `session_not_found`, `session_busy`
   */
  async remove(sessionId: string): Promise<void> {
    if (!SESSION_ID.test(sessionId)) throw sessionNotFound();
    const open = this.claims.close(sessionId);
    if (open === null) throw busy();
    try {
      await this.removeClosed(sessionId, open);
    } finally {
      open();
    }
    this.logger.info({ session: sessionId }, 'session removed');
  }

  /** @param open lets those on who wait for the session: what is there then is not the old owner's */
  private async removeClosed(sessionId: string, open: () => void): Promise<void> {
    if (this.isBusy(sessionId)) throw busy();
    await this.history.giveUp(sessionId);
    // No run has this name.
    const holder = `removal of ${sessionId}`;
    try {
      await this.admission.occupy(holder, sessionId);
    } catch (cause) {
      throw busy(cause);
    }
    try {
      const hadFolder = await this.takeAway(sessionId);
      this.owners.forget(sessionId);
      open();
      await this.forget(sessionId);
      if (hadFolder) await this.staging.removeRests([await this.staging.setAside(sessionId)]);
    } finally {
      await this.admission.release(holder);
    }
  }

  /** Finishes, before anything of a session is used, what a server before this one has begun. */
  async finish(): Promise<void> {
    for (const sessionId of await this.staging.unfinishedRemovals()) {
      try {
        await this.forget(sessionId);
        await this.staging.setAside(sessionId);
        this.logger.info({ session: sessionId }, 'removal of a session finished');
      } catch (err) {
        this.logger.error({ err, session: sessionId }, 'a session could not be removed to its end');
      }
    }
    try {
      const rests = await this.staging.beginAnew();
      // They may be large, and nobody waits for them.
      this.staging.removeRests(rests).catch((err: unknown) => this.warnOfRests(err));
    } catch (err) {
      this.warnOfRests(err);
    }
  }

  private warnOfRests(err: unknown): void {
    this.logger.warn({ err }, 'what is left of uploads and removed sessions stays for now');
  }

  /** Whether a run of a session lives, waiting ones too. */
  private isBusy(sessionId: string): boolean {
    return this.live.ofSession(sessionId).length > 0;
  }

  /** @returns whether there was a folder: a session whose first run never began has none */
  private async takeAway(sessionId: string): Promise<boolean> {
    const isKnown = this.owners.ownerOf(sessionId) !== null;
    try {
      await this.staging.takeAway(sessionId, isKnown);
      return true;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      if (!isKnown) throw sessionNotFound();
      return false;
    }
  }

  private async forget(sessionId: string): Promise<void> {
    this.changes.forget(sessionId);
    await this.history.forget(sessionId);
    await this.providers.forgetSession(sessionId);
    this.sizes.forget(sessionId);
  }
}

function busy(cause?: unknown): RunnerError {
  return new RunnerError(
    'session_busy',
    'The session has a run that has not ended, or something of one is left; cancel it, or wait.',
    { cause },
  );
}

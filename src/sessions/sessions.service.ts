import { Inject, Injectable } from '@nestjs/common';
import { RunnerError } from '../common/errors.js';
import { SessionFolders } from '../files/session-folders.js';
import { LiveRuns } from '../run/live-runs.js';
import { SESSION_OWNERS, type SessionOwners } from '../tenancy/session-owners.js';
import type { SessionBody } from './session.answers.js';

/** How the owner of a session is named that is a user. */
const USER = 'user:';

/** Says what is known of sessions. */
@Injectable()
export class SessionsService {
  constructor(
    @Inject(SESSION_OWNERS) private readonly owners: SessionOwners,
    private readonly folders: SessionFolders,
    private readonly live: LiveRuns,
  ) {}

  /**
   * What is known of a session. It is there from its first run on, be it that this waits and has no folder.
   * @throws {RunnerError} `session_not_found`, `not_a_folder`
   */
  async get(sessionId: string): Promise<SessionBody> {
    const ownership = this.owners.ownershipOf(sessionId);
    const live = this.live.ofSession(sessionId);
    const begun = ownership?.since ?? live[0]?.record.createdAt ?? null;
    const owner = ownership?.owner;
    return {
      session_id: sessionId,
      user_id: owner?.startsWith(USER) ? owner.slice(USER.length) : null,
      created_at: (await this.birthOf(sessionId, begun !== null)) ?? begun!,
      is_busy: live.length > 0,
    };
  }

  /** @returns when its folder was made; null where it has none yet */
  private async birthOf(sessionId: string, isKnown: boolean): Promise<string | null> {
    try {
      const stats = this.folders.within(sessionId, ({ workspace }) => workspace.stat());
      return (await stats).birthtime.toISOString();
    } catch (error) {
      const isMissing = error instanceof RunnerError && error.code === 'session_not_found';
      if (isKnown && isMissing) return null;
      throw error;
    }
  }

  /** @throws {RunnerError} `session_not_found`, `not_a_folder` */
  async require(sessionId: string): Promise<void> {
    await this.folders.within(sessionId, () => Promise.resolve());
  }
}

import { Inject, Injectable } from '@nestjs/common';
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

  /** @throws {RunnerError} `session_not_found`, `not_a_folder` */
  async get(sessionId: string): Promise<SessionBody> {
    const { birthtime } = await this.folders.within(sessionId, ({ workspace }) => workspace.stat());
    const owner = this.owners.ownerOf(sessionId);
    return {
      session_id: sessionId,
      user_id: owner?.startsWith(USER) ? owner.slice(USER.length) : null,
      created_at: birthtime.toISOString(),
      is_busy: this.live.ofSession(sessionId).length > 0,
    };
  }

  /** @throws {RunnerError} `session_not_found`, `not_a_folder` */
  async require(sessionId: string): Promise<void> {
    await this.folders.within(sessionId, () => Promise.resolve());
  }
}

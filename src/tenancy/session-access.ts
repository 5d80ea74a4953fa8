import { Inject, Injectable } from '@nestjs/common';
import { userKeyOf } from '../admission/user-key.js';
import { RunnerError } from '../common/errors.js';
import type { ActingCaller } from './acting-caller.js';
import { SESSION_OWNERS, type SessionOwners } from './session-owners.js';

/** What of a run says whose it is. */
interface RunOfSession {
  sessionId: string;
  userKey: string;
  /** ISO-8601 in UTC. */
  createdAt: string;
}

/** Says whether a caller may see a session (and so its runs and files). */
@Injectable()
export class SessionAccess {
  constructor(@Inject(SESSION_OWNERS) private readonly owners: SessionOwners) {}

  /** Whether a caller may see a session, be it there or not. */
  allows({ confinedTo }: ActingCaller, sessionId: string): boolean {
    return confinedTo === null || this.owners.ownerOf(sessionId) === confinedTo;
  }

  /**
   * Whether a caller may see a run. The owner of a session sees what was done in it for them, and since it is
   * theirs for no certain user, and never what was done for another user: the id may have had another owner
   * before. When the session is no more, its runs are still those of their users.
   */
  allowsRun({ confinedTo }: ActingCaller, run: RunOfSession): boolean {
    if (confinedTo === null) return true;
    const ownership = this.owners.ownershipOf(run.sessionId);
    if (ownership !== null && ownership.owner !== confinedTo) return false;
    const isUsers = run.userKey !== userKeyOf(null, run.sessionId);
    if (isUsers) return run.userKey === confinedTo;
    return ownership !== null && run.createdAt >= ownership.since;
  }

  /**
   * Does not look whether the session is there: who finds that it is not throws `sessionNotFound()` too.
   * @throws {RunnerError} `session_not_found`, as if the session were not there
   */
  require(caller: ActingCaller, sessionId: string): void {
    if (!this.allows(caller, sessionId)) throw sessionNotFound();
  }
}

/** The one answer for a session that is not there, and for one that is somebody else's. */
export function sessionNotFound(): RunnerError {
  return new RunnerError('session_not_found', 'There is no session with this id.');
}

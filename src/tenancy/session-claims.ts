import { Inject, Injectable } from '@nestjs/common';
import { Deferred } from '../common/deferred.js';
import type { ActingCaller } from './acting-caller.js';
import { SessionAccess, sessionNotFound } from './session-access.js';
import { SESSION_OWNERS, type SessionOwners } from './session-owners.js';

/** A session that a request may use, while it is not known whether there will be a run. */
export interface SessionClaim {
  /** There is one: the session stays the caller's. */
  keep(): void;
  /** The request is done with: a session that nobody kept belongs to nobody. */
  release(): void;
}

/** Requests for a session that are under way. */
interface Claims {
  count: number;
  /** One of them has made the record of its owner. */
  isNew: boolean;
  /** One of them has made a run. */
  isKept: boolean;
}

/** Makes whoever runs something in a session first its owner. */
@Injectable()
export class SessionClaims {
  private readonly underWay = new Map<string, Claims>();
  /** Sessions that are being taken from their owners, and when that is done. */
  private readonly closed = new Map<string, Deferred<void>>();

  constructor(
    private readonly access: SessionAccess,
    @Inject(SESSION_OWNERS) private readonly owners: SessionOwners,
  ) {}

  /**
   * Lets a caller use a session; one that is nobody's becomes the caller's. That is on the disk when the
   * promise resolves. Whoever makes a claim releases it.
   * @param wasUsed whether others used it before there were owners: then it is not everybody's to take
   * @throws {RunnerError} `session_not_found` if it is somebody else's
   */
  async claim(
    caller: ActingCaller,
    sessionId: string,
    wasUsed: () => Promise<boolean>,
  ): Promise<SessionClaim> {
    while (this.closed.has(sessionId)) await this.closed.get(sessionId)!.promise;
    const claims = this.underWay.get(sessionId) ?? { count: 0, isNew: false, isKept: false };
    claims.count += 1;
    this.underWay.set(sessionId, claims);
    try {
      if (await this.own(caller, sessionId, wasUsed)) claims.isNew = true;
    } catch (error) {
      this.release(sessionId, claims);
      throw error;
    }
    return {
      keep: () => {
        claims.isKept = true;
      },
      release: () => this.release(sessionId, claims),
    };
  }

  /**
   * Lets nobody claim a session while it is taken from its owner: a run that came in between would be in a
   * session of nobody, or of somebody else. Claims that come meanwhile wait.
   * @returns what ends that; null, and nothing is closed, while a claim is under way
   */
  close(sessionId: string): (() => void) | null {
    if (this.underWay.has(sessionId) || this.closed.has(sessionId)) return null;
    const done = new Deferred<void>();
    this.closed.set(sessionId, done);
    return () => {
      if (this.closed.get(sessionId) === done) this.closed.delete(sessionId);
      done.resolve();
    };
  }

  /** @returns whether it made the caller the owner */
  private async own(
    caller: ActingCaller,
    sessionId: string,
    wasUsed: () => Promise<boolean>,
  ): Promise<boolean> {
    const key = caller.ownerKey;
    // While nothing is configured, a run without a user makes a session like those from before.
    if (key === null) return false;
    if (this.owners.ownerOf(sessionId) === null) {
      if (!caller.speaksForAnyone && (await wasUsed())) throw sessionNotFound();
      if (await this.owners.claim(sessionId, key)) return true;
    }
    this.access.require(caller, sessionId);
    return false;
  }

  private release(sessionId: string, claims: Claims): void {
    claims.count -= 1;
    if (claims.count > 0) return;
    this.underWay.delete(sessionId);
    if (claims.isNew && !claims.isKept) this.owners.forget(sessionId);
  }
}

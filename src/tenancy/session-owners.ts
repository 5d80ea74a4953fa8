export interface Ownership {
  readonly owner: string;
  readonly since: string;
}

/**
 * To whom each session belongs: `user:ID` or `token:NAME`. A session without an owner is one from before
 * there were any.
 */
export interface SessionOwners {
  /** The owner of a session; null if it has none. */
  ownerOf(sessionId: string): string | null;
  /** The same, and since when, as ISO-8601 in UTC. */
  ownershipOf(sessionId: string): Ownership | null;
  /**
   * Makes somebody the owner of a session that has none; of several at once one wins. It outlives the
   * server, and a power cut, once the promise resolves.
   * @returns false if it has an owner already
   */
  claim(sessionId: string, owner: string): Promise<boolean>;
  /** The session is no more: its id is free again. */
  forget(sessionId: string): void;
}

/** Token of the port. */
export const SESSION_OWNERS = Symbol('SessionOwners');

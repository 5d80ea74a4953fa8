/**
 * To whom each session belongs: `user:ID` or `token:NAME`. A session without an owner is one from before
 * there were any.
 */
export interface SessionOwners {
  /** The owner of a session; null if it has none. */
  ownerOf(sessionId: string): string | null;
  /**
   * Makes somebody the owner of a session that has none; of several at once one wins. It outlives the
   * server once the promise resolves.
   * @returns whose it is now
   */
  claim(sessionId: string, owner: string): Promise<{ owner: string; isNew: boolean }>;
  /** The session is no more: its id is free again. */
  forget(sessionId: string): void;
}

/** Token of the port. */
export const SESSION_OWNERS = Symbol('SessionOwners');

import { userKeyOf } from '../admission/user-key.js';

/** Who calls, and for which user. */
export class ActingCaller {
  /**
   * @param name by what the caller is known: `token:NAME`; null while nothing is configured
   * @param userId the user whose runs these are, as it was given; null if none was named
   * @param isConfined it sees only what that user may see; else it is the platform and sees everything
   * @param speaksForAnyone it could have named any user
   */
  constructor(
    readonly name: string | null,
    readonly userId: string | null,
    readonly isConfined: boolean,
    readonly speaksForAnyone: boolean,
  ) {}

  /**
   * To whom a session belongs that this caller makes: `user:ID` (normalised as in section 3 of the
   * contract), else by what the caller is known; null where neither is.
   */
  get ownerKey(): string | null {
    return this.userId === null ? this.name : userKeyOf(this.userId, '');
  }

  /** The owner whose sessions alone it may see; null if it may see all. */
  get confinedTo(): string | null {
    return this.isConfined ? this.ownerKey : null;
  }
}

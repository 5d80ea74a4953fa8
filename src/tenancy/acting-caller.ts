import { userKeyOf } from '../admission/user-key.js';

/**
 * What says for whom a caller acts: its token, whose user it is; the header; the `user_id` of the request;
 * or nothing.
 */
export type UserSource = 'token' | 'header' | 'request' | null;

/** Who calls, and for which user. */
export class ActingCaller {
  /**
   * @param name by what the caller is known, such as `token:NAME`; null while nothing is configured
   * @param userId the user whose runs these are, as it was given; null if none was named
   * @param source where that user comes from
   */
  constructor(
    readonly name: string | null,
    readonly userId: string | null,
    readonly source: UserSource,
  ) {}

  /** It could have named any user. */
  get speaksForAnyone(): boolean {
    return this.source !== 'token';
  }

  /**
   * To whom a session belongs that this caller makes: `user:ID` (normalised as in section 3 of the
   * contract), else by what the caller is known; null where neither is.
   */
  get ownerKey(): string | null {
    return this.userId === null ? this.name : userKeyOf(this.userId, '');
  }

  /**
   * The owner whose sessions alone it may see; null for the platform, which sees all. While nothing is
   * configured a `user_id` only says whose runs these are, as it always has: it keeps nobody out.
   */
  get confinedTo(): string | null {
    if (this.userId === null || (this.source === 'request' && this.name === null)) return null;
    return this.ownerKey;
  }
}

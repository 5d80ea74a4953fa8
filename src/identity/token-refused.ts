/** Whoever presents this token is nobody here. It never holds the token, not in part either. */
export class TokenRefused extends Error {
  /**
   * @param reason for the log: what was presented
   * @param tokenName by what the token is known; null if it is not
   */
  constructor(
    readonly reason: string,
    readonly tokenName: string | null,
  ) {
    super(reason);
    this.name = 'TokenRefused';
  }
}

/** The key by which runs are counted per user (contract, section 3). */
export function userKeyOf(userId: string | null, sessionId: string): string {
  const user = userId?.trim().toLowerCase() ?? '';
  return user === '' ? `session:${sessionId}` : `user:${user}`;
}

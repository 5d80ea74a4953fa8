const MAX_CHARACTERS = 256;

/** What is wrong with the id of a user, as the end of a sentence; null if nothing is (contract, section 1). */
export function userIdFault(userId: string): string | null {
  if (userId.length > MAX_CHARACTERS) return `must have at most ${MAX_CHARACTERS} characters`;
  if (/\p{Cc}/u.test(userId)) return 'must not contain control characters';
  if (/\p{Cs}/u.test(userId)) return 'must not contain a lone surrogate';
  return null;
}

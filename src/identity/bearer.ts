import type { Request } from 'express';

/** Longer than any token; nothing is hashed or decoded of what is longer. */
const MAX_TOKEN_CHARACTERS = 8192;
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** Why, where no token was presented at all. */
export const NO_TOKEN = 'no token';

/** Why, where it is of another kind. */
export const NO_BEARER = 'an Authorization header without a bearer token';

/** What the `Authorization` of a request holds: a token, or why it holds none. */
export type Bearer = { token: string } | { fault: string };

/** Reads the token that a request presents. It is looked for in that header alone. */
export function bearerOf(request: Request): Bearer {
  const values = request.headersDistinct.authorization ?? [];
  if (values.length === 0) return { fault: NO_TOKEN };
  if (values.length > 1) return { fault: 'more than one Authorization header' };
  const value = values[0]!.trim();
  if (value.length > MAX_TOKEN_CHARACTERS) return { fault: 'a token that is too long' };
  const token = BEARER.exec(value)?.[1];
  return token === undefined ? { fault: NO_BEARER } : { token };
}

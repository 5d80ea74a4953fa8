import { randomUUID } from 'node:crypto';

/** What a session id looks like: it is the name of a folder, and nothing else (contract, fault 1). */
export const SESSION_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** A session id for a run that brings none: uuid4 as 32 hex digits. */
export function newSessionId(): string {
  return randomUUID().replaceAll('-', '');
}

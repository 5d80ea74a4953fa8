import type { IncomingMessage } from 'node:http';
import { LOCAL_SCOPES, type Scope } from './scopes.js';

/** Who calls. */
export interface Identity {
  /**
   * By what the caller is known, for the owners of sessions and the log: `token:NAME` or `jwt`; null where
   * nothing is configured, and for whoever has the metrics token alone.
   */
  readonly name: string | null;
  /** The only user that it may act for; null if it may name any. */
  readonly userId: string | null;
  readonly scopes: ReadonlySet<Scope>;
}

/** By what every caller with a JWT is known; each of them has its user. */
export const JWT_CALLER = 'jwt';

/** Every caller while nothing is configured: the platform. */
export const LOCAL_PLATFORM: Identity = { name: null, userId: null, scopes: LOCAL_SCOPES };

/** Whoever has the metrics token: it reads what there is to read of load. */
export const METRICS_READER: Identity = {
  name: null,
  userId: null,
  scopes: new Set<Scope>(['ops:read']),
};

const identities = new WeakMap<IncomingMessage, Identity>();

/** Notes whose request this is. */
export function rememberIdentity(request: IncomingMessage, identity: Identity): void {
  identities.set(request, identity);
}

/** Whose request this is. @throws if no guard has looked at it: that is a fault of the server's own */
export function identityOf(request: IncomingMessage): Identity {
  const identity = identities.get(request);
  if (identity === undefined) throw new Error('a request was served before its caller was known');
  return identity;
}

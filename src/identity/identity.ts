import type { IncomingMessage } from 'node:http';
import { LOCAL_SCOPES, type Scope } from './scopes.js';

/** Who calls. */
export interface Identity {
  /**
   * By what it was known, for owners and the log: `token:NAME` or `jwt:ISSUER`; null where nothing is
   * configured, or where the metrics token alone let it in.
   */
  readonly name: string | null;
  /** The only user that it may act for; null if it may name any. */
  readonly userId: string | null;
  readonly scopes: ReadonlySet<Scope>;
}

/** Every caller while nothing is configured: the platform. */
export const LOCAL_PLATFORM: Identity = { name: null, userId: null, scopes: LOCAL_SCOPES };

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

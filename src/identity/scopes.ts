import { type Scope, SCOPES } from '../config/scopes.js';

export { isScope, type Scope, SCOPES } from '../config/scopes.js';

/**
 * What a caller may do while nothing is configured: all but what an agent, which sits on the same loopback
 * address, could widen its own rights with.
 */
export const LOCAL_SCOPES: ReadonlySet<Scope> = new Set(
  SCOPES.filter((scope) => scope !== 'packages:write' && scope !== 'policy:write'),
);

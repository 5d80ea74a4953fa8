/** All that a token can be allowed to do, each with what it opens. */
export const SCOPES = [
  /** Reading runs, their events, and packages. */
  'runs:read',
  /** Starting and cancelling runs. */
  'runs:write',
  /** Reading the files of a session. */
  'files:read',
  /** Changing them, and removing a session. */
  'files:write',
  /** Registering, changing and removing packages. */
  'packages:write',
  /** Load, metrics, and reading the policy. */
  'ops:read',
  /** Changing the policy. */
  'policy:write',
] as const;
export type Scope = (typeof SCOPES)[number];

/**
 * What a caller may do while nothing is configured: all but what an agent, which sits on the same loopback
 * address, could widen its own rights with.
 */
export const LOCAL_SCOPES: ReadonlySet<Scope> = new Set(
  SCOPES.filter((scope) => scope !== 'packages:write' && scope !== 'policy:write'),
);

/** Whether a text is the name of a scope. */
export function isScope(text: unknown): text is Scope {
  return SCOPES.some((scope) => scope === text);
}

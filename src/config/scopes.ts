/** All that a token can be allowed to do. */
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

/** Whether a value is the name of a scope. */
export function isScope(value: unknown): value is Scope {
  return SCOPES.some((scope) => scope === value);
}

import type { Environment } from './environment.js';

/** What sessions may take, and how long they are kept. */
export interface SessionLimits {
  /** Bytes on the disk that the `repo/` of a session may take; null means any number. */
  readonly quotaBytes: number | null;
  /** Bytes that all sessions of a user may take together; null means any number. */
  readonly userQuotaBytes: number | null;
  /** Days after its last activity that a session is removed; null means never. */
  readonly removeAfterDays: number | null;
  /** What would be removed is only logged. */
  readonly isDryRun: boolean;
}

/** The limits that the environment sets. */
export function sessionLimits(values: Environment, warnings: string[]): SessionLimits {
  if (
    values.FERMILINK_RUNNER_REMOVE_SESSIONS_DRY_RUN &&
    values.FERMILINK_RUNNER_REMOVE_SESSIONS_DAYS === 0
  ) {
    warnings.push(
      'FERMILINK_RUNNER_REMOVE_SESSIONS_DRY_RUN is on, but does nothing without FERMILINK_RUNNER_REMOVE_SESSIONS_DAYS; GET /ops/sessions/idle?days=N lists sessions without either.',
    );
  }
  return {
    quotaBytes: zeroIsNull(values.FERMILINK_RUNNER_SESSION_QUOTA_BYTES),
    userQuotaBytes: zeroIsNull(values.FERMILINK_RUNNER_USER_QUOTA_BYTES),
    removeAfterDays: zeroIsNull(values.FERMILINK_RUNNER_REMOVE_SESSIONS_DAYS),
    isDryRun: values.FERMILINK_RUNNER_REMOVE_SESSIONS_DRY_RUN,
  };
}

/** What a limit is where 0 stands for none. */
export function zeroIsNull(value: number): number | null {
  return value === 0 ? null : value;
}

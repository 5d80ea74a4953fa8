import type { Environment } from './environment.js';

/** What is configured for the files of sessions. */
export interface FileSettings {
  /** Bytes that an uploaded file may have. */
  readonly maxUploadBytes: number;
  /** Seconds without a byte of the client after which an upload is given up. */
  readonly uploadIdleSeconds: number;
  /** Whether what each run has left is kept as a commit of the server's own. */
  readonly commitRuns: boolean;
}

/** Puts them together. */
export function fileSettings(values: Environment): FileSettings {
  return {
    maxUploadBytes: values.FERMILINK_RUNNER_MAX_UPLOAD_BYTES,
    uploadIdleSeconds: values.FERMILINK_RUNNER_UPLOAD_IDLE_SECONDS,
    commitRuns: values.FERMILINK_RUNNER_COMMIT_RUNS,
  };
}

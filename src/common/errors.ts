import type { Refusal } from './refusal-log.js';

/**
 * The stable codes of the runner's errors. A client may branch on them; they are never renamed.
 * Which HTTP status each one has is decided in one place, `problem.filter.ts`.
 */
export type ErrorCode =
  | 'body_too_large'
  | 'commit_not_found'
  | 'cursor_expired'
  | 'cursor_invalid'
  | 'cursor_unknown'
  | 'disk_full'
  | 'draining'
  | 'file_not_found'
  | 'file_too_large'
  | 'folder_not_empty'
  | 'forbidden'
  | 'git_failed'
  | 'headers_too_large'
  | 'idempotency_key_reused'
  | 'identity_unavailable'
  | 'internal_error'
  | 'invalid_request'
  | 'memory_file_failed'
  | 'method_not_allowed'
  | 'metrics_token_invalid'
  | 'metrics_token_missing'
  | 'not_a_file'
  | 'not_a_folder'
  | 'not_found'
  | 'overlay_refused'
  | 'package_exists'
  | 'package_invalid'
  | 'package_modified'
  | 'package_not_found'
  | 'package_path_forbidden'
  | 'package_too_large'
  | 'path_invalid'
  | 'path_read_only'
  | 'path_reserved'
  | 'policy_busy'
  | 'policy_invalid'
  | 'policy_unwritable'
  | 'precondition_failed'
  | 'prepare_timeout'
  | 'prompt_too_long'
  | 'provider_not_implemented'
  | 'queue_full'
  | 'quota_exceeded'
  | 'range_not_satisfiable'
  | 'registry_unreadable'
  | 'request_malformed'
  | 'request_timeout'
  | 'retry_unmatched'
  | 'run_not_found'
  | 'sandbox_mode_unsupported'
  | 'session_busy'
  | 'session_not_found'
  | 'spawn_failed'
  | 'too_many_files'
  | 'too_many_requests'
  | 'unauthenticated'
  | 'user_queue_full'
  | 'workspace_failed';

/** One field of a request that is wrong, and the rule that it breaks. */
export interface FieldError {
  field: string;
  message: string;
}

/** What a `RunnerError` may carry besides its code and its sentence. */
export interface ErrorFacts {
  /** Every bad field of an `invalid_request`. */
  errors?: FieldError[];
  /** Whole seconds after which a refused request is worth another try. */
  retryAfterSeconds?: number;
  /** The request itself named what is wrong (it is the client's fault, not the server's). */
  requested?: boolean;
  /** The path of the request names it: what is not there is no fault in the request, but a 404. */
  addressed?: boolean;
  /** The caller was refused: why, for the log, and by what it is known there. */
  refused?: Refusal;
  /** The run that was admitted before this went wrong. */
  runId?: string;
  /** What went wrong underneath; logged, never shown. */
  cause?: unknown;
}

/**
 * An error of the domain: a stable code and a sentence for people that says what is wrong and what to
 * do. It knows nothing of HTTP. The sentence holds no path of the server (contract, section 1).
 */
export class RunnerError extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    readonly facts: ErrorFacts = {},
  ) {
    super(detail, { cause: facts.cause });
    this.name = 'RunnerError';
  }
}

/** The error code of a failed system call (`ENOENT`, …), or undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  // By its form, not by its class: an error of the system may come from another realm.
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Makes a `RunnerError` of whatever was thrown. A full disk or an exhausted descriptor table get their
 * own codes, since the operator, not the user, has to act; everything else becomes `fallback`.
 */
export function toRunnerError(
  error: unknown,
  fallback: ErrorCode = 'internal_error',
  sentence = 'The runner failed unexpectedly; its log has the cause.',
): RunnerError {
  if (error instanceof RunnerError) {
    return error;
  }
  switch (errnoOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new RunnerError('disk_full', 'The disk of the runner is full; try again later.', {
        cause: error,
      });
    case 'EMFILE':
    case 'ENFILE':
      return new RunnerError(
        'too_many_files',
        'The runner has too many files open; try again later.',
        { cause: error },
      );
    default:
      return new RunnerError(fallback, sentence, { cause: error });
  }
}

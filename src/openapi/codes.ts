import type { ErrorCode } from '../common/errors.js';
import { ACCEPT_RANGES, CONTENT_RANGE, ETAG, RETRY_AFTER, WWW_AUTHENTICATE } from './headers.js';
import type { ResponseHeader } from './route-description.js';

/** What each code means, in the document. */
export const CODE_MEANINGS: Readonly<Record<ErrorCode, string>> = {
  body_too_large: 'The body is larger than is read.',
  commit_not_found: 'The session has no such commit.',
  cursor_expired: 'The events of the run were removed to make room.',
  cursor_invalid: 'A cursor that has not the form of one.',
  cursor_unknown: 'A cursor behind the last event of the run, or of no commit of the session.',
  disk_full: 'The disk of the server is full.',
  draining: 'The server is being stopped, or takes up what the last one has left.',
  file_not_found: 'There is nothing at this path of the session.',
  file_too_large: 'The file is larger than may be uploaded.',
  folder_not_empty: 'The folder still has something in it.',
  forbidden: 'The caller is known, and may not do this.',
  headers_too_large: 'The request line or the headers are larger than is read.',
  git_failed: 'What git keeps of the session could not be read or written.',
  idempotency_key_reused: 'The key belongs to a run with another body.',
  identity_unavailable: 'Tokens cannot be checked: what they are held against cannot be read.',
  internal_error: 'A fault of the server; its log has the cause.',
  invalid_request: 'Fields, parameters or headers break a rule; `errors` has each of them.',
  memory_file_failed: 'The memory file of the session could not be made.',
  method_not_allowed: 'The path has no such method; the header Allow has those that it has.',
  metrics_token_invalid: 'The metrics token is not the configured one.',
  metrics_token_missing: 'A metrics token is configured, and the request brings none.',
  not_a_file: 'Something that is no regular file stands at this path.',
  not_a_folder: 'Something that is no folder stands on the way, or where a folder is asked for.',
  not_found: 'There is nothing at this path.',
  overlay_refused: 'The package could not be linked into the session.',
  package_exists: 'There is a package of this id already.',
  package_invalid: 'The package cannot be used as it is.',
  package_modified: 'The files of an uploaded package are not those that were uploaded.',
  package_not_found: 'There is no such package.',
  package_path_forbidden: 'No package may be registered at this path of the server.',
  package_too_large: 'The archive holds more than a package may.',
  path_invalid: 'The path breaks a rule; `errors` has it.',
  path_read_only: "The path is in the session's package, which can only be read.",
  path_reserved: 'The path is kept for the server itself, or for git.',
  policy_invalid: 'The policy of the runner cannot be read, or is not valid.',
  precondition_failed: 'What is there is not what the request expects; nothing was changed.',
  policy_busy: 'Somebody else is changing the policy.',
  policy_unwritable:
    'The file of the policy cannot be replaced; the administrator has to see to it.',
  prepare_timeout: 'Preparing the run took too long.',
  prompt_too_long: 'The prompt has too many characters.',
  provider_not_implemented: 'The configured provider has no implementation.',
  queue_full: 'Too many runs wait.',
  range_not_satisfiable: 'The file has no such range.',
  quota_exceeded: 'The session, or all of the user, take more room than they may.',
  registry_unreadable: 'The registry of packages cannot be read.',
  request_malformed: 'The request is not HTTP as it must be.',
  request_timeout: 'The request did not come within its time.',
  retry_unmatched: 'A POST that says it is a repetition belongs to no run; nothing was started.',
  run_not_found: 'There is no such run for this caller.',
  sandbox_mode_unsupported: 'The provider cannot work in the sandbox mode that it should.',
  session_busy: 'The session has a run that has not ended.',
  session_not_found: 'There is no such session for this caller.',
  spawn_failed: 'The agent could not be started.',
  too_many_files: 'The server has too many files open.',
  too_many_requests: 'The runner is busy with requests of this kind.',
  unauthenticated: 'No token, or one that is not accepted.',
  user_queue_full: 'Too many runs of this user wait.',
  workspace_failed: 'The workspace of the session could not be prepared.',
};

/**
 * What any route can answer with, whatever it does: bodies and headers are read before a route has its turn,
 * and any disk can be full.
 */
export const EVERYWHERE: readonly ErrorCode[] = [
  'body_too_large',
  'disk_full',
  'headers_too_large',
  'internal_error',
  'invalid_request',
  'request_malformed',
  'request_timeout',
  'too_many_files',
];

/** Headers that come with the problems of some codes; with each of them where `always` is set. */
export const HEADERS_OF_CODES: Readonly<Partial<Record<ErrorCode, readonly ResponseHeader[]>>> = {
  draining: [RETRY_AFTER],
  policy_busy: [RETRY_AFTER],
  identity_unavailable: [RETRY_AFTER],
  queue_full: [RETRY_AFTER],
  too_many_requests: [RETRY_AFTER],
  range_not_satisfiable: [ACCEPT_RANGES, CONTENT_RANGE, ETAG],
  unauthenticated: [WWW_AUTHENTICATE],
  user_queue_full: [RETRY_AFTER],
};

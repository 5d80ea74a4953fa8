import { STATUS_CODES } from 'node:http';
import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  Inject,
  Optional,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { type ErrorCode, RunnerError, toRunnerError } from './errors.js';
import { LOGGER, type Logger } from './logger.js';
import { NoContent } from './no-content.js';
import { PROBLEM_LISTENER, type ProblemListener } from './problem-listener.js';
import { logRefusal } from './refusal-log.js';
import { allowedMethods } from './routes.js';

/** The HTTP status of every code (contract, sections 1 and 12). */
export const STATUS: Readonly<Record<ErrorCode, number>> = {
  body_too_large: 413,
  commit_not_found: 404,
  cursor_expired: 410,
  cursor_invalid: 400,
  cursor_unknown: 400,
  disk_full: 503,
  draining: 503,
  file_not_found: 404,
  file_too_large: 413,
  folder_not_empty: 409,
  forbidden: 403,
  git_failed: 500,
  headers_too_large: 431,
  idempotency_key_reused: 422,
  identity_unavailable: 503,
  internal_error: 500,
  invalid_request: 422,
  memory_file_failed: 500,
  method_not_allowed: 405,
  metrics_token_invalid: 403,
  metrics_token_missing: 401,
  not_a_file: 409,
  not_a_folder: 409,
  not_found: 404,
  overlay_refused: 500,
  package_exists: 409,
  package_invalid: 500,
  package_modified: 500,
  package_not_found: 400,
  package_path_forbidden: 403,
  package_too_large: 413,
  path_invalid: 400,
  path_read_only: 403,
  path_reserved: 403,
  policy_busy: 503,
  policy_invalid: 500,
  policy_unwritable: 409,
  precondition_failed: 412,
  prepare_timeout: 500,
  prompt_too_long: 413,
  provider_not_implemented: 501,
  queue_full: 429,
  quota_exceeded: 403,
  range_not_satisfiable: 416,
  registry_unreadable: 500,
  request_malformed: 400,
  request_timeout: 408,
  retry_unmatched: 409,
  run_not_found: 404,
  sandbox_mode_unsupported: 501,
  session_busy: 409,
  session_not_found: 404,
  spawn_failed: 500,
  too_many_files: 503,
  too_many_requests: 429,
  unauthenticated: 401,
  user_queue_full: 429,
  workspace_failed: 500,
};

/** What a code has instead where the request itself named what is wrong. */
const STATUS_IF_REQUESTED: Readonly<Partial<Record<ErrorCode, number>>> = { package_invalid: 400 };

/** What a code has instead where the path of the request names what is not there. */
const STATUS_IF_ADDRESSED: Readonly<Partial<Record<ErrorCode, number>>> = {
  package_not_found: 404,
};

/** Every status that a code is answered with. */
export function statusesOf(code: ErrorCode): number[] {
  const statuses = [STATUS_IF_REQUESTED[code], STATUS_IF_ADDRESSED[code], STATUS[code]];
  return statuses.filter((it) => it !== undefined);
}

/** A problem as RFC 9457 writes it, with the members of the runner's own. */
export function problemOf(error: RunnerError): { status: number; body: string } {
  const { code, detail, facts } = error;
  const status = statusOf(error);
  const body = {
    type: 'about:blank',
    title: STATUS_CODES[status],
    status,
    detail,
    code,
    errors: facts.errors,
    run_id: facts.runId,
  };
  return { status, body: JSON.stringify(body) };
}

function statusOf({ code, facts }: RunnerError): number {
  return (
    (facts.addressed ? STATUS_IF_ADDRESSED[code] : undefined) ??
    (facts.requested ? STATUS_IF_REQUESTED[code] : undefined) ??
    STATUS[code]
  );
}

/** Answers every error as RFC 9457 problem+json with a string `detail` and a stable `code`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    @Optional() @Inject(PROBLEM_LISTENER) private readonly listener?: ProblemListener,
  ) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    if (response.headersSent || response.destroyed) {
      // Nothing can be said any more; what is open is cut so that the client does not take it as whole.
      if (!response.writableEnded) response.destroy();
      return;
    }
    if (exception instanceof NoContent) {
      response.status(204).end();
      return;
    }
    const healthReport = healthReportOf(exception);
    if (healthReport !== null) {
      response.status(503).json(healthReport);
      return;
    }
    const error = translate(exception, request);
    this.listener?.problemAnswered(error, request);
    const { status, body } = problemOf(error);
    if (status >= 500) this.log(error, request.path);
    if (error.facts.refused !== undefined) logRefusal(this.logger, request, error.facts.refused);
    if (error.code === 'method_not_allowed') {
      response.setHeader('Allow', allowedMethods(request).join(', '));
    }
    if (error.code === 'unauthenticated') response.setHeader('WWW-Authenticate', 'Bearer');
    if (error.facts.retryAfterSeconds !== undefined) {
      response.setHeader('Retry-After', String(error.facts.retryAfterSeconds));
    }
    response.status(status).type('application/problem+json').send(body);
  }

  private log(error: RunnerError, path: string): void {
    const { code, detail, facts } = error;
    if (code === 'draining') {
      // Nothing is wrong, and every client that comes meanwhile is told so.
      this.logger.info({ code, path }, detail);
    } else if (facts.runId !== undefined) {
      // The cause stands, with session and user, in the line of the run's end.
      this.logger.error({ code, path, run: facts.runId }, detail);
    } else {
      this.logger.error({ code, path, err: facts.cause ?? error }, detail);
    }
  }
}

/** The report of a failed health check, which terminus throws; it is an answer, not a problem. */
function healthReportOf(exception: unknown): object | null {
  if (!(exception instanceof HttpException) || exception.getStatus() !== 503) return null;
  const body = exception.getResponse();
  return typeof body === 'object' && 'details' in body ? body : null;
}

/** Makes a domain error of what the framework, its body parser or our own code has thrown. */
function translate(exception: unknown, request: Request): RunnerError {
  if (exception instanceof RunnerError) return exception;
  const status = httpStatusOf(exception);
  if (status === null || status < 400 || status >= 500) return toRunnerError(exception);
  // A body is read before the path is looked at; where there is nothing, its faults do not matter.
  const allowed = allowedMethods(request);
  if (allowed.length === 0) return new RunnerError('not_found', 'There is nothing at this path.');
  if (status === 404 || !allowed.includes(request.method)) {
    return new RunnerError(
      'method_not_allowed',
      `${request.method} is not supported here; the Allow header has what is.`,
    );
  }
  if (status === 413) {
    return new RunnerError('body_too_large', 'The body is larger than 1 MiB.');
  }
  const [field, message] = isOfBody(exception)
    ? ['body', 'could not be read as JSON in UTF-8']
    : ['request', 'could not be read'];
  return new RunnerError('invalid_request', `The ${field} ${message}.`, {
    errors: [{ field, message }],
    cause: exception,
  });
}

/** Whether the body parser threw it: its own errors have a type, those of what unpacks a body a number. */
function isOfBody(exception: unknown): boolean {
  const cause = exception instanceof HttpException ? exception.cause : exception;
  if (!(cause instanceof Error)) return false;
  return ('type' in cause && typeof cause.type === 'string') || 'errno' in cause;
}

function httpStatusOf(exception: unknown): number | null {
  if (exception instanceof HttpException) return exception.getStatus();
  // What the body parser throws says its status so.
  if (exception instanceof Error && 'status' in exception && typeof exception.status === 'number') {
    return exception.status;
  }
  return null;
}

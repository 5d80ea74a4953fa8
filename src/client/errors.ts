/** What the client throws, besides the reason of a signal that its caller has aborted. */
export class RunnerClientError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = new.target.name;
  }
}

/** One field of a request that is wrong, and the rule that it breaks. */
export interface FieldError {
  field: string;
  message: string;
}

/** The server has refused a request, and says why. */
export class RunnerProblem extends RunnerClientError {
  /** The HTTP status. */
  readonly status: number;
  /** Stable, to branch on; null where something between here and the runner has answered. */
  readonly code: string | null;
  /** A sentence for people: what is wrong, and what to do. */
  readonly detail: string;
  /** Of a request with bad fields: all of them. */
  readonly errors: readonly FieldError[];
  /** The run that was admitted before it went wrong. */
  readonly runId: string | null;
  /** Whole seconds after which another try is worth it. */
  readonly retryAfterSeconds: number | null;

  constructor(facts: ProblemFacts) {
    super(facts.detail);
    this.status = facts.status;
    this.code = facts.code;
    this.detail = facts.detail;
    this.errors = facts.errors;
    this.runId = facts.runId;
    this.retryAfterSeconds = facts.retryAfterSeconds;
  }

  /** Whether the same request may well succeed soon: a server that stops or starts, a proxy without one. */
  get isPassing(): boolean {
    // What became of a run is told again and again, however often it is asked for.
    if (this.runId !== null) return false;
    if (![502, 503, 504].includes(this.status)) return false;
    return this.code === null || this.retryAfterSeconds !== null;
  }
}

export interface ProblemFacts {
  status: number;
  code: string | null;
  detail: string;
  errors: readonly FieldError[];
  runId: string | null;
  retryAfterSeconds: number | null;
}

/** There was no answer from the server, or none any more, for as long as the client was told to try. */
export class RunnerUnreachable extends RunnerClientError {}

/** What answers is no runner: an answer in a form that none gives, or a redirection. */
export class RunnerProtocolError extends RunnerClientError {}

/** What was asked for can be no request: an address, a token, a user or a path that none can have. */
export class RunnerArgumentError extends TypeError {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** The problem that an answer holds. @param text its body; empty if there is none that can be read */
export function problemOf(response: Response, text: string): RunnerProblem {
  const body = membersOf(text);
  const { status } = response;
  const retryAfter = response.headers.get('retry-after') ?? '';
  return new RunnerProblem({
    status,
    code: typeof body.code === 'string' ? body.code : null,
    detail:
      typeof body.detail === 'string'
        ? body.detail
        : `The server answered with status ${status} and no word of why.`,
    errors: Array.isArray(body.errors) ? body.errors.filter(isFieldError) : [],
    runId: typeof body.run_id === 'string' ? body.run_id : null,
    retryAfterSeconds: /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) : null,
  });
}

function membersOf(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isFieldError(value: unknown): value is FieldError {
  if (typeof value !== 'object' || value === null) return false;
  const { field, message } = value as Record<string, unknown>;
  return typeof field === 'string' && typeof message === 'string';
}

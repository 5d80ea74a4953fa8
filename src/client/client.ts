import type { FollowOptions } from './follow-options.js';
import { PackagesClient } from './packages.js';
import { itemsOf } from './pages.js';
import { PolicyClient } from './policy.js';
import { RunStream } from './run-stream.js';
import { SessionClient } from './session.js';
import { type ConnectionOptions, pathOf, Transport } from './transport.js';
import type { AdmissionBody, RunBody, RunFilter, RunReference, RunRequest } from './wire.js';

export interface RunOptions extends Omit<FollowOptions, 'after'> {
  /** Under which the run is made once, however often the request is sent; a fresh one if absent. */
  idempotencyKey?: string;
}

/** A client of one runner: https://…/openapi.json describes the same routes. */
export class RunnerClient {
  /** The scientific packages of the server. */
  readonly packages: PackagesClient;
  /** What the administrator allows runs. */
  readonly policy: PolicyClient;
  private readonly transport: Transport;

  /** @throws {RunnerArgumentError} if the address is none */
  constructor(options: ConnectionOptions) {
    this.transport = new Transport(options);
    this.packages = new PackagesClient(this.transport);
    this.policy = new PolicyClient(this.transport);
  }

  /** A session, with its files. Asks the server nothing yet. */
  session(id: string): SessionClient {
    return new SessionClient(this.transport, id);
  }

  /**
   * Makes a run and follows it to its end: an async iterator of its events. Whatever breaks on the way, it
   * goes on from the last event; none comes twice, none is left out. Nothing is sent before the first `next`.
   *
   * Iterating throws {RunnerProblem} if the server refuses the run, {RunnerUnreachable} if it gives no sign
   * for too long, {RunnerProtocolError} if it is no runner, and the reason of a signal that is aborted.
   */
  run(request: RunRequest, { idempotencyKey, ...options }: RunOptions = {}): RunStream {
    const key = idempotencyKey ?? newKey();
    return new RunStream(this.transport, { request, key }, options);
  }

  /**
   * Makes a run and leaves it to itself: it goes on without a follower, if the request does not say
   * otherwise.
   * @throws {RunnerProblem} if the server refuses it
   */
  create(
    request: RunRequest,
    { idempotencyKey, signal }: { idempotencyKey?: string; signal?: AbortSignal } = {},
  ): Promise<RunReference> {
    return this.transport.json('POST', '/runs', {
      json: request,
      headers: { 'idempotency-key': idempotencyKey ?? newKey() },
      signal,
    });
  }

  /** Follows a run that was made before, from any of its events on; iterating throws as that of `run`. */
  follow(runId: string, options: FollowOptions = {}): RunStream {
    return new RunStream(this.transport, { runId }, options);
  }

  /** What is known of a run. @throws {RunnerProblem} `run_not_found` */
  get(
    runId: string,
    { prompt = false, signal }: { prompt?: boolean; signal?: AbortSignal } = {},
  ): Promise<RunBody> {
    return this.transport.json('GET', pathOf('runs', runId), {
      query: { include: prompt ? 'prompt' : undefined },
      signal,
    });
  }

  /** Runs, newest first, as many as are taken. */
  list(
    filter: RunFilter = {},
    { pageSize, signal }: { pageSize?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<RunBody, void, undefined> {
    const query = { ...filter, limit: pageSize };
    return itemsOf(this.transport, { path: '/runs', member: 'runs', query, signal });
  }

  /**
   * Ends a run with its whole process tree. Waits for its end, at most 10 s; then `ended_at` is null.
   * @throws {RunnerProblem} `run_not_found`
   */
  cancel(runId: string, { signal }: { signal?: AbortSignal } = {}): Promise<RunBody> {
    return this.transport.json('POST', `${pathOf('runs', runId)}/cancel`, { signal });
  }

  /** Whether a run of this user, and session, would start at once. */
  admission(
    of: { user_id?: string; session_id?: string } = {},
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<AdmissionBody> {
    return this.transport.json('GET', '/ops/admission', { query: of, signal });
  }
}

/** Nobody can guess it. `crypto.randomUUID` is missing in pages that came without TLS. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

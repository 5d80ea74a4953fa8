import { RunnerProblem, RunnerProtocolError, RunnerUnreachable } from './errors.js';
import { endless, eventsOf, MAX_EVENT_LENGTH } from './event-source.js';
import type { FollowOptions } from './follow-options.js';
import { Patience } from './patience.js';
import { isNotice, type RunEvent, runEventOf } from './run-events.js';
import { pathOf, type Transport } from './transport.js';
import type { RunBody, RunExit, RunReference, RunRequest } from './wire.js';

/** What is followed: a run that is known, or one that is to be made, once, under its key. */
export type Followed = { runId: string } | { request: RunRequest; key: string };

/** Seconds without a sign of the server after which an attempt is given up, and another one made. */
const ATTEMPT_SECONDS = 30;

/** What a part of an event takes besides its data, in characters, roughly. */
const PART_LENGTH = 128;

/** Milliseconds that a connection has to hold before a sign of life in it, and nothing new, is one of the run. */
const HOLDS_MS = 1000;

/**
 * The events of one run, each once and in order, over as many connections as it takes. Iterating begins it,
 * and leaving the loop closes the connection at once.
 */
export class RunStream implements AsyncIterableIterator<RunEvent, RunExit | null, undefined> {
  /** Null until the server has named it. */
  runId: string | null;
  /** The number of the last event that has come. */
  lastEventId: number;
  /** The last event's data, once it is here. */
  exit: RunExit | null = null;
  /**
   * The last event's data when the iteration is over; null if there was nothing left to come, or the loop
   * was left before the end. Rejects with what the iteration throws.
   */
  readonly finished: Promise<RunExit | null>;

  private readonly leaving = new AbortController();
  private readonly patience: Patience;
  private readonly events: AsyncGenerator<RunEvent, RunExit | null, undefined>;
  private settle!: { resolve: (exit: RunExit | null) => void; reject: (error: unknown) => void };

  constructor(
    private readonly transport: Transport,
    private readonly followed: Followed,
    private readonly options: FollowOptions = {},
  ) {
    this.runId = 'runId' in followed ? followed.runId : null;
    this.lastEventId = options.after ?? 0;
    this.patience = new Patience(options.reconnect ?? {});
    this.finished = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    this.finished.catch(() => undefined);
    this.events = this.all();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<RunEvent, RunExit | null>> {
    return this.events.next();
  }

  /** Leaves the run: also out of a `next` that still waits. */
  async return(): Promise<IteratorResult<RunEvent, RunExit | null>> {
    this.leaving.abort(new Left());
    const result = await this.events.return(null);
    // One that was never begun has no end of its own.
    this.settle.resolve(this.exit);
    return result;
  }

  /** Takes all events to the end, and gives the data of the last one. */
  async toEnd(): Promise<RunExit | null> {
    for (;;) {
      const { done, value } = await this.next();
      if (done === true) return value;
    }
  }

  /** Asks the server to end the run; its last event still comes. Waits until it has ended, at most 10 s. */
  async cancel(signal?: AbortSignal): Promise<RunBody> {
    const id = this.runId ?? (await this.idByKey(signal));
    return this.transport.json('POST', `${pathOf('runs', id)}/cancel`, { signal });
  }

  private async *all(): AsyncGenerator<RunEvent, RunExit | null, undefined> {
    const { signal } = this.options;
    const stop = () => this.leaving.abort(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted === true) stop();
    let isLeft = true;
    try {
      yield* this.connections();
      isLeft = false;
      this.settle.resolve(this.exit);
      return this.exit;
    } catch (error) {
      isLeft = this.leaving.signal.aborted;
      if (error instanceof Left) return null;
      this.settle.reject(error);
      throw error;
    } finally {
      signal?.removeEventListener('abort', stop);
      if (isLeft && this.exit === null && this.options.cancelOnLeave === true) {
        // Where it does not arrive, the rule of the run still holds.
        await this.cancel().catch(() => undefined);
      }
      this.settle.resolve(this.exit);
    }
  }

  private async *connections(): AsyncGenerator<RunEvent, void, undefined> {
    const { signal } = this.leaving;
    for (;;) {
      let cause: unknown;
      const connection = new AbortController();
      const stop = () => connection.abort(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      try {
        const response = await this.connect(connection.signal);
        this.patience.contact();
        if (response.status === 204) return;
        yield* this.read(response, connection);
        if (this.exit !== null) return;
        cause = new RunnerUnreachable('The stream of the runner ended before the run.');
      } catch (error) {
        signal.throwIfAborted();
        if (!isPassing(error)) throw error;
        cause = error;
      } finally {
        signal.removeEventListener('abort', stop);
        connection.abort();
      }
      const atLeast = cause instanceof RunnerProblem ? cause.retryAfterSeconds : null;
      await this.patience.pause(cause, atLeast, signal);
    }
  }

  private async connect(signal: AbortSignal): Promise<Response> {
    const { lastEventId, followed } = this;
    const outgoing = {
      query: { view: this.options.view },
      headers: {
        accept: 'text/event-stream',
        ...(lastEventId === 0 ? {} : { 'last-event-id': String(lastEventId) }),
      },
      signal,
      // A run that is to be prepared first is answered when that is done.
      mayTakeLong: true,
      answerSeconds: Math.min(this.patience.attempt() / 1000, ATTEMPT_SECONDS),
      onSign: () => this.patience.contact(),
    };
    if (this.runId !== null) {
      return this.transport.send('GET', `${pathOf('runs', this.runId)}/events`, outgoing);
    }
    if (!('key' in followed)) throw new Error('There is no run to follow.');
    const response = await this.transport.send('POST', '/run', {
      ...outgoing,
      json: followed.request,
      headers: { ...outgoing.headers, 'idempotency-key': followed.key },
    });
    // A browser hides it from other origins where the server does not expose it; then the key has to do.
    this.runId = /\/runs\/([^/?#]+)$/.exec(response.headers.get('location') ?? '')?.[1] ?? null;
    return response;
  }

  private async *read(
    response: Response,
    connection: AbortController,
  ): AsyncGenerator<RunEvent, void, undefined> {
    const { silenceSeconds = 35 } = this.options.reconnect ?? {};
    // What has no id yet: an event of the log that is several to the view. The last of them has it, and
    // until that has come a new connection would bring all of them again.
    let parts: RunEvent[] = [];
    let length = 0;
    const since = performance.now();
    // A server that says the same and goes, again and again, would else be asked again and again at once.
    const signOfLife = () => {
      if (performance.now() - since >= HOLDS_MS) this.patience.progress();
    };
    const batches = eventsOf(response, {
      silenceMs: silenceSeconds * 1000,
      connection,
      onRetry: (milliseconds) => this.patience.ask(milliseconds),
      onHeartbeat: signOfLife,
    });
    for await (const batch of batches) {
      for (const message of batch) {
        const event = runEventOf(message);
        if (isNotice(event)) {
          signOfLife();
          yield event;
          continue;
        }
        parts.push(event);
        length += message.data.length + PART_LENGTH;
        if (length > MAX_EVENT_LENGTH) throw endless();
        if (event.id === null && event.event !== 'runner.exit') continue;
        const whole = parts;
        parts = [];
        length = 0;
        if (event.id !== null) {
          if (event.id <= this.lastEventId) continue;
          this.lastEventId = event.id;
        }
        this.patience.progress();
        if (event.event === 'runner.exit') this.exit = event.data;
        yield* whole;
        if (this.exit !== null) return;
      }
    }
  }

  /** A retry of the request, on the route that answers at once, gives the run that it made. */
  private async idByKey(signal?: AbortSignal): Promise<string> {
    if (!('key' in this.followed)) throw new RunnerProtocolError('The run has no name yet.');
    const { request, key } = this.followed;
    const { run_id } = await this.transport.json<RunReference>('POST', '/runs', {
      json: request,
      headers: { 'idempotency-key': key },
      signal,
    });
    this.runId = run_id;
    return run_id;
  }
}

/** Why an iteration ends that its caller has left; nobody sees it. */
class Left extends Error {}

function isPassing(error: unknown): boolean {
  return error instanceof RunnerProblem ? error.isPassing : error instanceof RunnerUnreachable;
}

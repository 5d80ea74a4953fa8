import { AnswerWatch } from './answer-watch.js';
import { textOf } from './body-text.js';
import { reasonsOfBrowser, sendable } from './browser.js';
import {
  RunnerClientError,
  problemOf,
  RunnerArgumentError,
  RunnerProtocolError,
  RunnerUnreachable,
} from './errors.js';

/** How a client reaches its server. */
export interface ConnectionOptions {
  /** Where the server is, such as `http://127.0.0.1:8000`; may have a path of its own. */
  baseUrl: string;
  /** Sent as `Authorization: Bearer`; a function is asked anew for every request. */
  token?: string | (() => string | Promise<string>);
  /** For whom the requests are, where the token may speak for any user. */
  user?: string;
  /**
   * Seconds that a server may take to begin an answer; 30. What changes something may take longer while the
   * server answers `GET /health/live`, at most 5 minutes, and an upload without an end.
   */
  answerSeconds?: number;
  /** In the place of the `fetch` of the platform. */
  fetch?: typeof fetch;
}

/** One request, apart from its method and path. */
export interface Outgoing {
  /** Members that are undefined or null are left out. */
  query?: Record<string, string | number | boolean | null | undefined>;
  /** Becomes a body of JSON. */
  json?: unknown;
  /** A body as it is. */
  body?: Body;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** In the place of the connection's own. */
  answerSeconds?: number;
  /** The answer may take long while the server is there; what is not true of a GET alone. */
  mayTakeLong?: boolean;
  /** The server has shown that it is there, while its answer is still to come. */
  onSign?: () => void;
}

/** Seconds that a server may take to begin an answer. */
const ANSWER_SECONDS = 30;

/** The same where the answer may take long: a run is prepared in that time. */
const LONG_ANSWER_SECONDS = 300;

/** More than any list, or any difference, of a runner. */
const MAX_ANSWER_BYTES = 64 * 2 ** 20;

/** More than any runner has to say of what it refuses. */
const MAX_PROBLEM_BYTES = 2 ** 20;

/** What can be sent as it is. */
export type Body = Uint8Array | ArrayBuffer | Blob | string | ReadableStream<Uint8Array>;

/** Sends requests to one server. */
export class Transport {
  private readonly root: string;

  constructor(private readonly options: ConnectionOptions) {
    if (!URL.canParse(options.baseUrl) || !/^https?:/i.test(options.baseUrl)) {
      throw new RunnerArgumentError(
        'The address of the runner must begin with http:// or https://.',
      );
    }
    const url = new URL(options.baseUrl);
    if (url.username !== '' || url.password !== '') {
      throw new RunnerArgumentError(
        'The address of the runner must not hold a name or a password.',
      );
    }
    if (options.user !== undefined && !/^[^\p{Cc}]+$/u.test(options.user)) {
      throw new RunnerArgumentError('The user must be a text without control characters.');
    }
    this.root = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  }

  /**
   * Sends a request and gives its answer, whose body is still to be read.
   * @throws {RunnerProblem} if the server refuses it
   * @throws {RunnerUnreachable} if no answer comes
   * @throws {RunnerProtocolError} if it is a redirection: no POST survives one unchanged
   * @throws {RunnerArgumentError} for a token that no header can hold
   */
  async send(method: string, path: string, outgoing: Outgoing = {}): Promise<Response> {
    const { signal } = outgoing;
    signal?.throwIfAborted();
    const url = `${this.root}${path}${queryOf(outgoing.query)}`;
    const headers = await this.headersOf(outgoing);
    const body =
      outgoing.json === undefined
        ? await sendable(outgoing.body, signal)
        : textOfJson(outgoing.json);
    const watch = this.watch(method, outgoing);
    let response: Response;
    try {
      response = await this.fetch(url, {
        method,
        headers,
        ...requestOf({ ...outgoing, body }, watch),
      });
    } catch (error) {
      signal?.throwIfAborted();
      const sentence = `The runner at ${this.root} does not answer.${reasonsOfBrowser()}`;
      throw new RunnerUnreachable(sentence, error);
    } finally {
      watch.end();
    }
    if (isRedirection(response)) {
      await response.body?.cancel();
      throw new RunnerProtocolError(
        `${this.root} is not the address of a runner: it redirects to another one. Take that one as the address.`,
      );
    }
    if (!response.ok) throw problemOf(response, await this.textOfProblem(response, outgoing));
    return response;
  }

  /** The same, of an answer in JSON of at most 64 MiB. */
  async json<T>(method: string, path: string, outgoing: Outgoing = {}): Promise<T> {
    const response = await this.send(method, path, {
      ...outgoing,
      headers: { accept: 'application/json', ...outgoing.headers },
    });
    return this.bodyOf<T>(response, outgoing);
  }

  /**
   * The JSON of an answer, at most 64 MiB.
   * @param of what was asked
   * @throws {RunnerProtocolError} if it is none
   * @throws {RunnerUnreachable} if it breaks off
   */
  async bodyOf<T>(response: Response, of: Outgoing): Promise<T> {
    try {
      const limits = { maxBytes: MAX_ANSWER_BYTES, silenceMs: this.silenceMs(of) };
      const body: unknown = JSON.parse(await textOf(response, limits));
      // Every answer of a runner is an object.
      if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as T;
      throw new SyntaxError('no object');
    } catch (error) {
      of.signal?.throwIfAborted();
      if (error instanceof RunnerClientError) throw error;
      if (error instanceof SyntaxError) throw this.noRunner(error);
      throw new RunnerUnreachable(`The answer of ${this.root} broke off.`, error);
    }
  }

  /** What is thrown where the answer is none of a runner. */
  noRunner(cause?: unknown): RunnerProtocolError {
    return new RunnerProtocolError(`What answers at ${this.root} is no runner.`, cause);
  }

  private async textOfProblem(response: Response, of: Outgoing): Promise<string> {
    const limits = { maxBytes: MAX_PROBLEM_BYTES, silenceMs: this.silenceMs(of) };
    // The status says enough.
    const text = await textOf(response, limits).catch(() => '');
    of.signal?.throwIfAborted();
    return text;
  }

  private silenceMs({ answerSeconds }: Outgoing): number {
    return (answerSeconds ?? this.options.answerSeconds ?? ANSWER_SECONDS) * 1000;
  }

  private async headersOf({ json, headers }: Outgoing): Promise<Record<string, string>> {
    const { token, user } = this.options;
    const bearer = typeof token === 'function' ? await token() : token;
    // It would look like a server that does not answer.
    if (bearer !== undefined && !/^[\x21-\x7e]+$/.test(bearer)) {
      throw new RunnerArgumentError('The token must be printable ASCII without spaces.');
    }
    return {
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(user === undefined ? {} : { 'x-fermilink-user': inUtf8(user) }),
    };
  }

  private watch(method: string, outgoing: Outgoing): AnswerWatch {
    const mayTakeLong = outgoing.mayTakeLong ?? method !== 'GET';
    const probe = async (signal: AbortSignal) => {
      await this.probe(signal);
      outgoing.onSign?.();
    };
    return new AnswerWatch({
      silenceMs: this.silenceMs(outgoing),
      mostMs: outgoing.body === undefined ? LONG_ANSWER_SECONDS * 1000 : Infinity,
      probe: mayTakeLong ? probe : null,
    });
  }

  /** Rejects if nobody is there; whatever is answered, somebody is. */
  private async probe(signal: AbortSignal): Promise<void> {
    const response = await this.fetch(`${this.root}/health/live`, { ...COMMON, signal });
    await response.body?.cancel();
  }

  private fetch(url: string, request: RequestInit): Promise<Response> {
    return (this.options.fetch ?? fetch)(url, request);
  }
}

/** What all requests have. */
const COMMON = {
  redirect: 'manual' as const,
  // What was true when somebody asked before says nothing of a run.
  cache: 'no-store' as const,
};

/** @throws {RunnerArgumentError} for what JSON cannot hold: no server would ever be asked */
function textOfJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new RunnerArgumentError(`The request is no JSON: ${(error as Error).message}`);
  }
}

function requestOf({ body, signal }: Outgoing, watch: AnswerWatch): RequestInit {
  return {
    ...COMMON,
    ...(body instanceof ReadableStream
      ? // Without `duplex` a body that is a stream is refused; the types do not know it yet.
        { body: signing(body, watch), duplex: 'half' }
      : body === undefined
        ? {}
        : { body: body as RequestInit['body'] }),
    signal: signal === undefined ? watch.signal : AbortSignal.any([signal, watch.signal]),
  };
}

/** A body of which every part that is taken shows that it is on its way. */
function signing(body: ReadableStream<Uint8Array>, watch: AnswerWatch): ReadableStream<Uint8Array> {
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(part, controller) {
        watch.sign();
        controller.enqueue(part);
      },
    }),
  );
}

/**
 * The path of some components, each as it is.
 * @throws {RunnerArgumentError} for one that leads elsewhere: it is taken out of an address before it is sent
 */
export function pathOf(...components: string[]): string {
  const bad = components.find((it) => ['', '.', '..'].includes(it));
  if (bad === undefined) return `/${components.map(encodeURIComponent).join('/')}`;
  throw new RunnerArgumentError('A path must have no component that is empty, "." or "..".');
}

function isRedirection({ type, status }: Response): boolean {
  return type === 'opaqueredirect' || [301, 302, 303, 307, 308].includes(status);
}

function queryOf(query: Outgoing['query'] = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) params.set(name, String(value));
  }
  return params.size === 0 ? '' : `?${params.toString()}`;
}

/** A header holds bytes, each as a character. */
function inUtf8(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('');
}

import { type IncomingMessage, request, type RequestOptions } from 'node:http';
import { type Asked, seenEvent, seenMessage } from './conformity/recorder.js';
import type { Runner } from './runner.js';

/** One event of a stream, as WHATWG's rules read it. */
export interface StreamEvent {
  id: string | null;
  event: string;
  data: string;
}

export interface RunBody {
  user_prompt: string;
  session_id?: string | null;
  user_id?: string | null;
  package_id?: string | null;
  sandbox?: string | null;
  provider?: string | null;
  on_disconnect?: string | null;
  on_busy?: string | null;
  max_runtime_seconds?: number | null;
  metadata?: object | null;
  view?: string | null;
  continue_conversation?: boolean | null;
}

/** From where a client follows a run. */
export interface Cursor {
  /** The header, as a browser sends it when it comes back. */
  lastEventId?: number | string;
  /** The query's. */
  after?: number | string;
  /** How the events are to be shown. */
  view?: string;
}

/** One stream, of a `POST /run` or of a run's events, over a socket of its own. */
export class StreamClient {
  readonly events: StreamEvent[] = [];
  /** The ids of blocks without data: they only say from where the stream goes on. */
  readonly openings: string[] = [];
  /** Milliseconds, as the server asks for them. */
  retry: number | null = null;
  /** All bytes received so far, where asked for. */
  readonly chunks: Buffer[] = [];
  comments = 0;
  private text = '';
  private ended = false;
  private readonly listeners = new Set<() => void>();

  private constructor(
    readonly response: IncomingMessage,
    private readonly asked: Asked,
    keepBytes: boolean,
  ) {
    seenMessage(asked, response);
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    response.on('data', (chunk: Buffer) => {
      if (keepBytes) this.chunks.push(chunk);
      this.text += decoder.decode(chunk, { stream: true });
      this.parse();
      this.wake();
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      this.ended = true;
      if (this.status !== 200 && response.complete) {
        seenMessage(asked, response, this.text);
      }
      this.wake();
    });
  }

  /** Sends a POST and waits for the headers of the answer. */
  static open(
    runner: Runner,
    body: RunBody | string,
    {
      keepBytes = false,
      path = '/run',
      headers = {},
    }: { keepBytes?: boolean; path?: string; headers?: Record<string, string> } = {},
  ): Promise<StreamClient> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const all = { 'content-type': 'application/json', ...headers };
    return StreamClient.send(runner, path, { method: 'POST', headers: all }, keepBytes, text);
  }

  /** Follows the events of a run and waits for the headers of the answer. */
  static follow(
    runner: Runner,
    runId: string,
    { lastEventId, after, view }: Cursor = {},
  ): Promise<StreamClient> {
    const query = new URLSearchParams();
    if (after !== undefined) query.set('after', String(after));
    if (view !== undefined) query.set('view', view);
    const headers = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
    return StreamClient.send(runner, `/runs/${runId}/events?${query.toString()}`, { headers });
  }

  private static send(
    runner: Runner,
    path: string,
    options: RequestOptions,
    keepBytes = false,
    body = '',
  ): Promise<StreamClient> {
    return new Promise((resolve, reject) => {
      const asked = { server: runner.url, method: options.method ?? 'GET', path };
      const outgoing = request(runner.url + path, { ...options, agent: false }, (response) =>
        resolve(new StreamClient(response, asked, keepBytes)),
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  get status(): number {
    return this.response.statusCode ?? 0;
  }

  /** Waits for an event that passes a test. */
  async waitFor(test: (event: StreamEvent) => boolean): Promise<StreamEvent> {
    for (;;) {
      const found = this.events.find(test);
      if (found) return found;
      if (this.ended)
        throw new Error(`the stream ended without it: ${JSON.stringify(this.events)}`);
      await this.news();
    }
  }

  /** Waits for the end of the stream and gives all of its events. */
  async all(): Promise<StreamEvent[]> {
    while (!this.ended) await this.news();
    return this.events;
  }

  /** The body of an answer that is no stream. */
  async json(): Promise<Record<string, unknown>> {
    await this.all();
    return JSON.parse(this.text) as Record<string, unknown>;
  }

  /** The data of the last event, which has to be `runner.exit`. */
  async exit(): Promise<Record<string, unknown>> {
    const last = (await this.all()).at(-1);
    if (last?.event !== 'runner.exit') throw new Error(`no end: ${JSON.stringify(this.events)}`);
    return JSON.parse(last.data) as Record<string, unknown>;
  }

  /** The numbers of the logged events that came. */
  get ids(): number[] {
    return this.events
      .filter(({ event }) => event !== 'queued' && event !== 'shutdown')
      .map(({ id }) => Number(id));
  }

  /** The data of the events of one kind. */
  dataOf(kind: string): string[] {
    return this.events.filter(({ event }) => event === kind).map(({ data }) => data);
  }

  /** Stops reading: what the server sends from now on fills the buffers on the way. */
  stopReading(): void {
    this.response.pause();
  }

  /** Leaves without a word. */
  abort(): void {
    this.response.destroy();
  }

  private parse(): void {
    if (this.status !== 200) return;
    for (;;) {
      const end = this.text.indexOf('\n\n');
      if (end < 0) return;
      const block = this.text.slice(0, end);
      this.text = this.text.slice(end + 2).replace(/^\n+/, '');
      const fields = new Map<string, string>();
      for (const line of block.split(/\r\n|\n|\r/)) {
        if (line.startsWith(':')) this.comments += 1;
        else if (line.includes(': ')) {
          fields.set(line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2));
        }
      }
      if (fields.has('retry')) this.retry = Number(fields.get('retry'));
      const data = fields.get('data');
      if (data === undefined) {
        if (fields.has('id')) this.openings.push(fields.get('id')!);
        continue;
      }
      const event = fields.get('event') ?? 'message';
      seenEvent(this.asked, event, data);
      this.events.push({ id: fields.get('id') ?? null, event, data });
    }
  }

  private news(): Promise<void> {
    return new Promise((resolve) => this.listeners.add(resolve));
  }

  private wake(): void {
    for (const listener of this.listeners) listener();
    this.listeners.clear();
  }
}

import { request, type IncomingMessage } from 'node:http';
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
}

/** One `POST /run` over a socket of its own. */
export class StreamClient {
  readonly events: StreamEvent[] = [];
  /** All bytes received so far, where asked for. */
  readonly chunks: Buffer[] = [];
  comments = 0;
  private text = '';
  private ended = false;
  private readonly listeners = new Set<() => void>();

  private constructor(
    readonly response: IncomingMessage,
    keepBytes: boolean,
  ) {
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
      this.wake();
    });
  }

  /** Sends the request and waits for the headers of the answer. */
  static open(
    runner: Runner,
    body: RunBody | string,
    { keepBytes = false, path = '/run' } = {},
  ): Promise<StreamClient> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        runner.url + path,
        { method: 'POST', agent: false, headers: { 'content-type': 'application/json' } },
        (response) => resolve(new StreamClient(response, keepBytes)),
      );
      outgoing.on('error', reject);
      outgoing.end(typeof body === 'string' ? body : JSON.stringify(body));
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
      const data = fields.get('data');
      if (data === undefined) continue;
      this.events.push({
        id: fields.get('id') ?? null,
        event: fields.get('event') ?? 'message',
        data,
      });
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

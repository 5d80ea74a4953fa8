import { type ClientRequest, type IncomingMessage, request } from 'node:http';

const LINE_FEED = 10;
/** As much of an event as is looked at. */
const HEAD_CHARS = 128;

/** What came over one stream; every event was checked as it came. */
export interface StreamFacts {
  /** Of the `Location` header, without `/runs/`; empty where the server gives none. */
  runId: string;
  /** From the request to the first event of the agent, in milliseconds. */
  firstMs: number;
  /** From the request to the end of the stream, in milliseconds. */
  totalMs: number;
  agentEvents: number;
  lastId: number;
}

export interface ReadOptions {
  method?: 'GET' | 'POST';
  body?: unknown;
  headers?: Record<string, string>;
  /** The number of the first line that is expected. */
  firstLine?: number;
  /** Called with the text behind the number of each line of the agent, up to a hundred characters. */
  onLine?: (rest: string) => void;
  /** Called when the first event of the agent has come. */
  onFirst?: () => void;
}

/**
 * Reads a stream to its end.
 * @throws if a line or an id is missing, comes twice or out of order, or the end is not there
 */
export function readStream(url: string, options: ReadOptions = {}): Promise<StreamFacts> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const sent: ClientRequest = request(url, {
      method: options.method ?? 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', ...options.headers },
    });
    sent.on('error', reject);
    sent.on('response', (response: IncomingMessage) => {
      if (response.statusCode !== 200) {
        reject(new Error(`${url} answered ${response.statusCode}`));
        return;
      }
      const check = new StreamCheck(options, began);
      response.on('data', (chunk: Buffer) => check.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        try {
          const facts = check.end();
          const runId = response.headers.location?.slice('/runs/'.length) ?? '';
          resolve({ ...facts, runId, totalMs: performance.now() - began });
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
    sent.end(options.body === undefined ? undefined : JSON.stringify(options.body));
  });
}

/** Takes a stream apart, and checks that nothing is missing, doubled or out of order. */
class StreamCheck {
  private head = '';
  /** The last character was the end of a line. */
  private isBroken = false;
  private lines: number;
  private readonly linesBefore: number;
  private lastId = 0;
  private hasEnded = false;
  private firstMs = 0;
  private fault: string | null = null;

  constructor(
    private readonly options: ReadOptions,
    private readonly began: number,
  ) {
    this.lines = this.linesBefore = (options.firstLine ?? 1) - 1;
  }

  push(chunk: Buffer): void {
    const text = chunk.toString('latin1');
    let from = 0;
    if (this.isBroken && text.charCodeAt(0) === LINE_FEED) {
      this.event(this.head);
      this.head = '';
      from = 1;
    }
    for (;;) {
      const end = text.indexOf('\n\n', from);
      if (end < 0) break;
      this.event(this.head + text.slice(from, Math.min(end, from + HEAD_CHARS)));
      this.head = '';
      from = end + 2;
    }
    if (this.head.length < HEAD_CHARS) this.head += text.slice(from, from + HEAD_CHARS);
    this.isBroken = from < text.length && text.charCodeAt(text.length - 1) === LINE_FEED;
  }

  end() {
    if (!this.hasEnded) this.fault ??= 'the end is missing';
    if (this.fault !== null) throw new Error(`a stream is wrong: ${this.fault}`);
    return {
      firstMs: this.firstMs,
      agentEvents: this.lines - this.linesBefore,
      lastId: this.lastId,
    };
  }

  private event(head: string): void {
    const found = /^(?:id: (\d+)\n)?event: (\S+)\ndata: (?:(\d{8}) (.*))?/.exec(head);
    // The opening, notices and heartbeats.
    if (found === null || found[2] === 'queued' || found[2] === 'shutdown') return;
    const [, id, type, number, rest] = found;
    if (this.hasEnded) this.fault ??= `something came behind the end: ${head}`;
    if (id !== undefined) {
      if (this.lastId > 0 && Number(id) !== this.lastId + 1) {
        this.fault ??= `event ${id} came behind event ${this.lastId}`;
      }
      this.lastId = Number(id);
    }
    if (type === 'runner.exit') this.hasEnded = true;
    if (type !== 'agent') return;
    if (this.firstMs === 0) {
      this.firstMs = performance.now() - this.began;
      this.options.onFirst?.();
    }
    this.lines += 1;
    if (Number(number) !== this.lines) this.fault ??= `line ${this.lines} is ${number}`;
    if (rest !== undefined) this.options.onLine?.(rest);
  }
}

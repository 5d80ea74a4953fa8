import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What came with one POST. */
export interface Received {
  headers: IncomingMessage['headers'];
  path: string;
  body: string;
  /** In milliseconds, on no certain clock. */
  at: number;
}

export type Answerer = (response: ServerResponse, received: Received, count: number) => void;

/** The receiver of a webhook: a real server that keeps what it is sent, and answers as a test likes. */
export class Receiver {
  readonly received: Received[] = [];
  /** The most requests that were open at a time. */
  mostOpen = 0;
  private open = 0;
  private server: Server | null = null;
  private port = 0;
  answer: Answerer;

  constructor(answer: Answerer = status(200)) {
    this.answer = answer;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook?a=b`;
  }

  /** Listens, a second time on the same port. */
  async start(): Promise<this> {
    this.server = createServer((request, response) => void this.take(request, response));
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server === null) return;
    this.server = null;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  /** The bodies that have come, parsed. */
  get bodies(): Record<string, unknown>[] {
    return this.received.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    response.on('close', () => (this.open -= 1));
    // Whoever sends may break off.
    const body = await text(request).catch(() => null);
    if (body === null) return;
    const { headers, url: path = '' } = request;
    const received = { headers, path, body, at: performance.now() };
    this.received.push(received);
    this.answer(response, received, this.received.length);
  }
}

/** Answers with a status and nothing else. */
export function status(code: number, headers: Record<string, string> = {}): Answerer {
  return (response) => response.writeHead(code, headers).end();
}

/** Whether a delivery is signed with a key, as a receiver finds out by the Standard Webhooks scheme. */
export function isSigned({ headers, body }: Received, key: string | Buffer): boolean {
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  const age = Math.abs(Date.now() / 1000 - Number(headers['webhook-timestamp']));
  return headers['webhook-signature'] === expected && age < 300;
}

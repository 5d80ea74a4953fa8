import { Agent as HttpAgent, type ClientRequest, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { retryAfterSeconds } from './back-off.js';
import type { Message } from './outbox.js';
import type { WebhookSettings } from '../config/webhook-settings.js';
import { signatureOf } from './signature.js';

/** How much of an answer is taken, and for how long after its head; nothing is made of it. */
const MAX_ANSWER_BYTES = 4096;
const MAX_ANSWER_MS = 1000;

/** What the receiver said to one try. */
export interface Reply {
  status: number;
  /** Seconds of its `Retry-After`; null if it asked for none. */
  retryAfter: number | null;
}

/** Sends messages to one receiver. Redirects are not followed, and nothing is tried twice here. */
export class WebhookSender {
  private readonly underWay = new Set<ClientRequest>();
  private readonly agent: HttpAgent;
  private readonly request: typeof httpRequest;

  constructor(private readonly settings: WebhookSettings) {
    const isHttps = settings.url.protocol === 'https:';
    this.agent = isHttps ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
    this.request = isHttps ? httpsRequest : httpRequest;
  }

  /**
   * One try. When it is done its connection is free again.
   * @throws if there is no answer within the time limit, or none at all
   */
  send({ id, body }: Message): Promise<Reply> {
    const { url, key, timeoutSeconds } = this.settings;
    const timestamp = Math.floor(Date.now() / 1000);
    return new Promise((resolve, reject) => {
      const request = this.request(url, {
        method: 'POST',
        agent: this.agent,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'fermilink-runner',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': signatureOf(key, id, timestamp, body),
        },
      });
      this.underWay.add(request);
      let reply: Reply | null = null;
      let limit = setTimeout(() => {
        request.destroy(new Error(`there was no answer within ${timeoutSeconds} seconds`));
      }, timeoutSeconds * 1000);
      request.on('response', (response) => {
        const { statusCode: status = 0, headers } = response;
        reply = { status, retryAfter: retryAfterSeconds(headers['retry-after']) };
        // The word is given; what else is said does not matter.
        clearTimeout(limit);
        limit = setTimeout(() => request.destroy(), MAX_ANSWER_MS);
        let left = MAX_ANSWER_BYTES;
        response.on('data', (chunk: Buffer) => {
          left -= chunk.length;
          if (left < 0) request.destroy();
        });
        response.on('error', () => undefined);
      });
      // What breaks after the answer's head changes nothing.
      request.on('error', (error) => reply ?? reject(error));
      request.on('close', () => {
        clearTimeout(limit);
        this.underWay.delete(request);
        if (reply === null) reject(new Error('the connection was closed without an answer'));
        else resolve(reply);
      });
      request.end(body);
    });
  }

  /** Breaks off what is under way, and closes all connections. */
  close(): void {
    for (const request of this.underWay) request.destroy();
    this.agent.destroy();
  }
}

import { join } from 'node:path';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { settledWithin } from '../common/abort.js';
import { nowUtc } from '../common/clock.js';
import { Limiter } from '../common/limiter.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import { backOffSeconds } from './back-off.js';
import { type Message, Outbox } from './outbox.js';
import { WebhookMetrics } from './webhook-metrics.js';
import { type Reply, WebhookSender } from './webhook-sender.js';

const HOUR_MS = 3_600_000;
/** Tries that may be under way at a time. */
const AT_A_TIME = 4;
/** How long the end of the server waits for them, in seconds. */
const CLOSING_SECONDS = 2;

/** A message that has not been taken yet. Its text stays in its file until it is sent. */
interface Pending {
  failures: number;
  timer: NodeJS.Timeout | null;
}

/**
 * Tells the administrator's webhook what has happened, at least once, in no certain order. What is to be
 * told is stored first; it is tried again, also by the next server, until the receiver has taken it, it
 * says that it is gone for good, or the message is too old.
 */
@Injectable()
export class WebhookService implements OnModuleDestroy {
  private readonly outbox: Outbox;
  private readonly sender: WebhookSender | null;
  private readonly turns = new Limiter(AT_A_TIME);
  private readonly pending = new Map<string, Pending>();
  private readonly underWay = new Set<Promise<void>>();
  private isClosing = false;
  /** The last try has failed: that is logged once, not for each message. */
  private isFailing = false;

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: RunnerConfig,
    private readonly metrics: WebhookMetrics,
  ) {
    this.outbox = new Outbox(join(config.runtimeRoot, 'webhooks'));
    this.sender = config.webhook === null ? null : new WebhookSender(config.webhook);
  }

  /**
   * Stores what is to be told; does nothing where there is no webhook. It is sent a moment later.
   * @param key names the event: who tells it again, with other data, tells the same
   * @throws if it cannot be stored
   */
  tell(type: string, key: string, data: object): void {
    if (this.sender === null) return;
    const [id, createdAt] = [`msg_${key}`, nowUtc()];
    const body = JSON.stringify({ id, type, created_at: createdAt, data });
    this.outbox.put({ id, createdAt, body });
    this.add(id);
  }

  /** Takes up what servers before this one have not delivered. Call it when they are gone. */
  async takeUp(): Promise<void> {
    const ids = await this.outbox.ids().catch((err: unknown) => {
      this.logger.error({ err }, 'messages for the webhook of the last server cannot be read');
      return [];
    });
    if (this.sender !== null) for (const id of ids) this.add(id);
    else if (ids.length > 0) {
      this.logger.warn(
        { messages: ids.length },
        'messages for a webhook wait, but FERMILINK_RUNNER_WEBHOOK_URL is not set',
      );
    }
  }

  /** Stops trying; what has not been taken is left to the next server. */
  async onModuleDestroy(): Promise<void> {
    this.isClosing = true;
    for (const { timer } of this.pending.values()) if (timer !== null) clearTimeout(timer);
    await settledWithin(CLOSING_SECONDS, Promise.all(this.underWay));
    this.sender?.close();
  }

  private add(id: string): void {
    const known = this.pending.get(id);
    if (known === undefined) {
      this.pending.set(id, { failures: 0, timer: null });
      this.tryLater(id, 0);
    }
    this.metrics.pending(this.pending.size);
  }

  private tryLater(id: string, seconds: number): void {
    const pending = this.pending.get(id);
    if (pending === undefined || this.isClosing) return;
    pending.timer = setTimeout(() => void this.turns.run(() => this.attempt(id)), seconds * 1000);
    pending.timer.unref();
  }

  private async attempt(id: string): Promise<void> {
    if (this.isClosing) return;
    const attempt = this.deliver(id).catch((err: unknown) => {
      this.logger.error({ err, message: id }, 'a message for the webhook could not be read');
      this.failed(id, null);
    });
    this.underWay.add(attempt);
    await attempt;
    this.underWay.delete(attempt);
  }

  private async deliver(id: string): Promise<void> {
    let message: Message | null;
    try {
      message = await this.outbox.get(id);
    } catch (err) {
      if (!(err instanceof SyntaxError)) throw err;
      this.logger.error(
        { err, message: id },
        'a message for the webhook is damaged; it is given up',
      );
      this.metrics.tried('given_up');
      this.settle(id);
      return;
    }
    // Somebody has removed it by hand.
    if (message === null) this.settle(id);
    else await this.send(message);
  }

  private async send(message: Message): Promise<void> {
    const { id, createdAt } = message;
    const reply = await this.sender!.send(message).catch((error: unknown) => error as Error);
    if (this.isClosing && reply instanceof Error) return;
    if (!(reply instanceof Error) && reply.status >= 200 && reply.status < 300) {
      this.delivered(id);
      return;
    }
    const reason = reply instanceof Error ? reply.message : `the answer was ${reply.status}`;
    if (isGone(reply)) {
      this.logger.error({ message: id }, 'the webhook refuses a message for good (410)');
      this.metrics.tried('gone');
      this.settle(id);
    } else if (Date.now() - Date.parse(createdAt) > this.config.webhook!.maxAgeHours * HOUR_MS) {
      this.logger.error({ message: id, reason }, 'a message for the webhook is too old; given up');
      this.metrics.tried('given_up');
      this.settle(id);
    } else {
      if (!this.isFailing) {
        this.logger.warn({ message: id, reason }, 'the webhook fails; messages are tried again');
      }
      this.isFailing = true;
      this.failed(id, reply instanceof Error ? null : reply.retryAfter);
    }
  }

  private delivered(id: string): void {
    if (this.isFailing) this.logger.info('the webhook takes messages again');
    this.isFailing = false;
    this.metrics.tried('delivered');
    this.settle(id);
  }

  private failed(id: string, retryAfter: number | null): void {
    this.metrics.tried('failed');
    const pending = this.pending.get(id);
    if (pending === undefined) return;
    pending.failures += 1;
    this.tryLater(id, backOffSeconds(pending.failures, retryAfter));
  }

  /** Nothing more is to be done for a message. */
  private settle(id: string): void {
    try {
      this.outbox.remove(id);
    } catch (err) {
      // The next server tells it again; it has the same id.
      this.logger.error({ err, message: id }, 'a message for the webhook could not be removed');
    }
    this.pending.delete(id);
    this.metrics.pending(this.pending.size);
  }
}

function isGone(reply: Reply | Error): boolean {
  return !(reply instanceof Error) && reply.status === 410;
}

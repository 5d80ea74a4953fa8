import { Injectable } from '@nestjs/common';
import { InjectMetric, makeCounterProvider, makeGaugeProvider } from '@willsoto/nestjs-prometheus';
import { Counter, Gauge } from 'prom-client';

const TRIES = 'runner_webhook_tries_total';
const PENDING = 'runner_webhook_pending';

export const WEBHOOK_METRIC_PROVIDERS = [
  makeCounterProvider({
    name: TRIES,
    help: 'Tries to deliver to the webhook, by outcome: delivered, failed (will be tried again), gone (refused for good with 410), given_up (too old, or damaged).',
    labelNames: ['outcome'],
  }),
  makeGaugeProvider({
    name: PENDING,
    help: 'Deliveries to the webhook that have not been taken yet.',
  }),
];

export type TryOutcome = 'delivered' | 'failed' | 'gone' | 'given_up';

/** What the webhook tells Prometheus. */
@Injectable()
export class WebhookMetrics {
  constructor(
    @InjectMetric(TRIES) private readonly tries: Counter<'outcome'>,
    @InjectMetric(PENDING) private readonly waiting: Gauge,
  ) {}

  /** Counts a try. */
  tried(outcome: TryOutcome): void {
    this.tries.inc({ outcome });
  }

  /** How many have not been taken yet. */
  pending(count: number): void {
    this.waiting.set(count);
  }
}

import { Module } from '@nestjs/common';
import { WEBHOOK_METRIC_PROVIDERS, WebhookMetrics } from './webhook-metrics.js';
import { WebhookService } from './webhook.service.js';

@Module({
  providers: [...WEBHOOK_METRIC_PROVIDERS, WebhookMetrics, WebhookService],
  exports: [WebhookService],
})
export class WebhookModule {}

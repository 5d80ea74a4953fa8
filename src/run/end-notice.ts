import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from '../common/logger.js';
import { Sends } from '../openapi/described.decorator.js';
import { WebhookService } from '../webhook/webhook.service.js';
import { RUN_ENDED } from './end-notice.answers.js';
import { hasEnded, type RunChanges, type RunRecord } from './run-record.js';
import { RUN_STORE, type RunStore } from './run-store.js';
import { bodyOf } from './run-view.js';

/** How often an end that could not be noted for the webhook is tried again, in milliseconds. */
const RETRY_MS = 2000;

/** Sees to it that the webhook is told of the end of each run, whatever happens to this server. */
@Injectable()
@Sends(RUN_ENDED)
export class EndNotice {
  constructor(
    @Inject(RUN_STORE) private readonly store: RunStore,
    private readonly webhook: WebhookService,
  ) {}

  /**
   * Notes that the webhook is to be told of an end. To be called before the end is stored: until then the
   * next server ends the run again, and so tells it too.
   * @returns false if it could not be noted; then the run is not done with, and `noteLater` has to be called
   */
  async note(id: string, end: RunChanges, log: Logger): Promise<boolean> {
    const record = await this.store.get(id);
    // Told already, by the server that knew the end first.
    if (record === null || (hasEnded(record.state) && !record.owesWebhook)) return true;
    try {
      this.tell(hasEnded(record.state) ? record : { ...record, ...end });
      return true;
    } catch (err) {
      log.error({ err }, 'the end of the run could not be noted for the webhook');
      return false;
    }
  }

  /** Tries again until it is noted, and until then keeps the run among those that are not done with. */
  async noteLater(id: string, log: Logger): Promise<void> {
    for (;;) {
      await sleep(RETRY_MS, undefined, { ref: false });
      const record = await this.store.get(id);
      if (record === null) return;
      try {
        this.tell(record);
        await this.store.annotate(id, { owesWebhook: false });
        log.info('the end of the run is noted for the webhook now');
        return;
      } catch {
        // It was logged when it failed first.
      }
    }
  }

  private tell(record: RunRecord): void {
    this.webhook.tell(RUN_ENDED.name, record.id, bodyOf({ record, queue: null }));
  }
}

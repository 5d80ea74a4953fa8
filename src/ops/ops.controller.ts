import { Controller, Get, Header, Inject, Query, UseGuards } from '@nestjs/common';
import { ADMISSION, type Admission } from '../admission/admission.js';
import { userKeyOf } from '../admission/user-key.js';
import { nowUtc } from '../common/clock.js';
import { type Concurrency, concurrencyOf, concurrencyText } from './concurrency.js';
import { MetricsTokenGuard } from './metrics-token.guard.js';

/** What the platform and its operators ask about load (contract, section 1). */
@Controller('ops')
@UseGuards(MetricsTokenGuard)
export class OpsController {
  constructor(@Inject(ADMISSION) private readonly admission: Admission) {}

  @Get('concurrency')
  async concurrency(): Promise<Concurrency> {
    return concurrencyOf(await this.admission.snapshot());
  }

  @Get('concurrency.prom')
  @Header('Content-Type', 'text/plain; charset=utf-8')
  async concurrencyText(): Promise<string> {
    return concurrencyText(await this.concurrency());
  }

  @Get('admission')
  async admissionOf(
    @Query('user_id') userId: unknown,
    @Query('session_id') sessionId: unknown,
  ): Promise<object> {
    const session = typeof sessionId === 'string' ? sessionId.trim() : '';
    const user = typeof userId === 'string' ? userId : null;
    const key = userKeyOf(user, session || 'anonymous');
    const snapshot = await this.admission.snapshotFor(key, session || null);
    return {
      user_key: snapshot.userKey,
      can_run_now: snapshot.canRunNow,
      per_user_active: snapshot.perUserActive,
      per_user_pending: snapshot.perUserPending,
      active_total: snapshot.activeTotal,
      pending_total: snapshot.pendingTotal,
      global_limit: snapshot.globalLimit,
      per_user_limit: snapshot.perUserLimit,
      timestamp_utc: nowUtc(),
    };
  }
}

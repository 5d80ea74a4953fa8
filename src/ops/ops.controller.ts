import { Controller, Get, Header, Inject, Query, UseGuards } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ADMISSION, type Admission } from '../admission/admission.js';
import { userKeyOf } from '../admission/user-key.js';
import { nowUtc } from '../common/clock.js';
import { OpsAccess } from '../identity/access.decorators.js';
import { Described } from '../openapi/described.decorator.js';
import { ActingCaller } from '../tenancy/acting-caller.js';
import { CurrentCaller } from '../tenancy/current-caller.js';
import { SessionAccess } from '../tenancy/session-access.js';
import { type Concurrency, concurrencyOf, concurrencyText } from './concurrency.js';
import type { AdmissionBody } from './ops.answers.js';
import { ADMISSION_OF, CONCURRENCY, CONCURRENCY_TEXT, PROVIDERS } from './ops.routes.js';
import type { Preflight } from './preflight.js';
import { PreflightService } from './preflight.service.js';
import { ActingUserGuard } from '../tenancy/acting-user.guard.js';

/** What the platform and its operators ask about load (contract, section 1). */
@ApiTags('ops')
@Controller('ops')
@UseGuards(ActingUserGuard)
@OpsAccess()
export class OpsController {
  constructor(
    @Inject(ADMISSION) private readonly admission: Admission,
    private readonly preflight: PreflightService,
    private readonly sessions: SessionAccess,
  ) {}

  /** How busy the runner is. */
  @Described(CONCURRENCY)
  @Get('concurrency')
  async concurrency(): Promise<Concurrency> {
    return concurrencyOf(await this.admission.snapshot());
  }

  /** The same as gauges in Prometheus' text format. */
  @Described(CONCURRENCY_TEXT)
  @Get('concurrency.prom')
  @Header('Content-Type', 'text/plain; charset=utf-8')
  async concurrencyText(): Promise<string> {
    return concurrencyText(await this.concurrency());
  }

  /** Whether the agent CLIs can work here, as it was seen at most a minute ago. */
  @Described(PROVIDERS)
  @Get('providers')
  providers(): Promise<Preflight> {
    return this.preflight.report();
  }

  /** Whether a run of this user, and of this session, would start at once; the platform polls it. */
  @Described(ADMISSION_OF)
  @Get('admission')
  async admissionOf(
    @CurrentCaller() caller: ActingCaller,
    @Query('session_id') sessionId: unknown,
  ): Promise<AdmissionBody> {
    const named = typeof sessionId === 'string' ? sessionId.trim() : '';
    const key = userKeyOf(caller.userId, named || 'anonymous');
    // Whether somebody else's session is busy is none of the caller's business.
    const session = this.sessions.allows(caller, named) ? named : '';
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

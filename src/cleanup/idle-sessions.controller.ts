import { Controller, Get, Inject, Query, UseGuards } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { QueryReader } from '../common/query-reader.js';
import { RunnerConfig } from '../config/runner-config.js';
import { OpsAccess } from '../identity/access.decorators.js';
import { Described } from '../openapi/described.decorator.js';
import { SessionSizes } from '../quota/session-sizes.service.js';
import { TakeoverGuard } from '../run/takeover.guard.js';
import { ActingCaller } from '../tenancy/acting-caller.js';
import { CurrentCaller } from '../tenancy/current-caller.js';
import { SessionAccess } from '../tenancy/session-access.js';
import { SESSION_OWNERS, type SessionOwners } from '../tenancy/session-owners.js';
import type { IdleSessionBody, IdleSessionsBody } from './idle-sessions.answers.js';
import { GET_IDLE_SESSIONS, LISTED, MAX_DAYS, MAX_LISTED } from './idle-sessions.routes.js';
import { type IdleSession, IdleSessions } from './idle-sessions.service.js';

/** What the clean-up of sessions would do. */
@ApiTags('ops')
@Controller('ops/sessions')
@UseGuards(TakeoverGuard)
export class IdleSessionsController {
  constructor(
    private readonly config: RunnerConfig,
    private readonly idle: IdleSessions,
    private readonly sizes: SessionSizes,
    private readonly access: SessionAccess,
    @Inject(SESSION_OWNERS) private readonly owners: SessionOwners,
  ) {}

  /** The sessions that the next sweep removes, or would remove if it were after so many `days`. */
  @Described(GET_IDLE_SESSIONS)
  @OpsAccess()
  @Get('idle')
  async list(
    @Query() query: Record<string, unknown>,
    @CurrentCaller() caller: ActingCaller,
  ): Promise<IdleSessionsBody> {
    const { removeAfterDays, isDryRun } = this.config.sessions;
    const asked = new QueryReader(query);
    const days = asked.number('days', MAX_DAYS) ?? removeAfterDays;
    const limit = asked.number('limit', MAX_LISTED) ?? LISTED;
    asked.check();
    const now = Date.now();
    const all = days === null ? [] : await this.idle.find(days, now);
    const found = all.filter(({ sessionId }) => this.access.allows(caller, sessionId));
    return {
      remove_after_days: days,
      dry_run: isDryRun,
      total: found.length,
      total_bytes: found.reduce((sum, it) => sum + (this.sizes.bytesOf(it.sessionId) ?? 0), 0),
      sessions: found.slice(0, limit).map((it) => this.bodyOf(it, now)),
    };
  }

  private bodyOf({ sessionId, idleSince, reason }: IdleSession, now: number): IdleSessionBody {
    return {
      session_id: sessionId,
      owner: this.owners.ownerOf(sessionId),
      idle_since: new Date(idleSince).toISOString(),
      age_seconds: Math.floor((now - idleSince) / 1000),
      bytes: this.sizes.bytesOf(sessionId),
      reason,
    };
  }
}

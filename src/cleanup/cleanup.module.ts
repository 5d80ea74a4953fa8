import { Module } from '@nestjs/common';
import { QuotaModule } from '../quota/quota.module.js';
import { RunModule } from '../run/run.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TenancyModule } from '../tenancy/tenancy.module.js';
import { IdleSessionsController } from './idle-sessions.controller.js';
import { IdleSessions } from './idle-sessions.service.js';
import { SessionSweeper } from './session-sweeper.service.js';

@Module({
  imports: [QuotaModule, RunModule, SessionsModule, TenancyModule],
  controllers: [IdleSessionsController],
  providers: [IdleSessions, SessionSweeper],
})
export class CleanupModule {}

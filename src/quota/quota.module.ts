import { Module } from '@nestjs/common';
import { TenancyModule } from '../tenancy/tenancy.module.js';
import { SessionQuota } from './session-quota.service.js';
import { SessionSizes } from './session-sizes.service.js';

@Module({
  imports: [TenancyModule],
  providers: [SessionSizes, SessionQuota],
  exports: [SessionSizes, SessionQuota],
})
export class QuotaModule {}

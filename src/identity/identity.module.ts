import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessGuard } from './access.guard.js';
import { MetricsToken } from './metrics-token.js';

@Module({
  providers: [MetricsToken, { provide: APP_GUARD, useClass: AccessGuard }],
})
export class IdentityModule {}

import { type DynamicModule, Global, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { CleanupModule } from './cleanup/cleanup.module.js';
import { LOGGER, type Logger } from './common/logger.js';
import { ProblemFilter } from './common/problem.filter.js';
import { ConfigModule } from './config/config.module.js';
import type { RunnerConfig } from './config/runner-config.js';
import { IdentityModule } from './identity/identity.module.js';
import { OpenApiModule } from './openapi/openapi.module.js';
import { OpsModule } from './ops/ops.module.js';
import { PolicyModule } from './policy/policy.module.js';
import { RunModule } from './run/run.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { TenancyModule } from './tenancy/tenancy.module.js';

/** The whole server, made of validated settings and a logger. */
@Global()
@Module({})
export class AppModule {
  static with(config: RunnerConfig, logger: Logger): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(config),
        IdentityModule,
        TenancyModule,
        RunModule,
        SessionsModule,
        OpsModule,
        PolicyModule,
        ...(config.docs ? [OpenApiModule] : []),
        CleanupModule,
      ],
      providers: [
        { provide: LOGGER, useValue: logger },
        { provide: APP_FILTER, useClass: ProblemFilter },
      ],
      exports: [LOGGER],
    };
  }
}

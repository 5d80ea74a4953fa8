import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { AdmissionModule } from '../admission/admission.module.js';
import { IdentityModule } from '../identity/identity.module.js';
import { ProviderModule } from '../provider/provider.module.js';
import { RunModule } from '../run/run.module.js';
import { TenancyModule } from '../tenancy/tenancy.module.js';
import { ConcurrencyMetrics } from './concurrency-metrics.js';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';
import { OpsController } from './ops.controller.js';
import { PreflightService } from './preflight.service.js';
import { ProgramProbe } from './program-probe.js';
import { ReadinessService } from './readiness.service.js';

@Module({
  imports: [
    AdmissionModule,
    IdentityModule,
    ProviderModule,
    RunModule,
    TenancyModule,
    PrometheusModule.register({ controller: MetricsController, path: '/metrics' }),
    TerminusModule.forRoot({ logger: false }),
  ],
  controllers: [OpsController, HealthController],
  providers: [ConcurrencyMetrics, PreflightService, ProgramProbe, ReadinessService],
})
export class OpsModule {}

import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { HealthCheck, type HealthCheckResult, HealthCheckService } from '@nestjs/terminus';
import { Public } from '../identity/access.decorators.js';
import { Described } from '../openapi/described.decorator.js';
import { LIVE, READY, STARTUP } from './ops.routes.js';
import { ReadinessService } from './readiness.service.js';

/** The probes of Kubernetes; open to everybody. */
@ApiTags('ops')
@Controller('health')
@Public()
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly readiness: ReadinessService,
  ) {}

  /** The process answers. It depends on nothing else: a restart would mend nothing else. */
  @Described(LIVE)
  @Get('live')
  @HealthCheck()
  live(): Promise<HealthCheckResult> {
    return this.health.check([]);
  }

  /** The server has started; it listens only then. */
  @Described(STARTUP)
  @Get('startup')
  @HealthCheck()
  startup(): Promise<HealthCheckResult> {
    return this.health.check([]);
  }

  /** New runs would find what they need. */
  @Described(READY)
  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.health.check(this.readiness.checks());
  }
}

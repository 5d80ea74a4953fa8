import { Controller, Get, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { PrometheusController } from '@willsoto/nestjs-prometheus';
import type { Response } from 'express';
import { OpsAccess } from '../identity/access.decorators.js';
import { Described } from '../openapi/described.decorator.js';
import { METRICS } from './ops.routes.js';

/** `GET /metrics` for Prometheus. */
@ApiTags('ops')
@Controller()
@OpsAccess()
export class MetricsController extends PrometheusController {
  /** Every metric of the process in Prometheus' text format. */
  @Described(METRICS)
  @Get()
  override async index(@Res({ passthrough: true }) response: Response): Promise<string> {
    return super.index(response);
  }
}

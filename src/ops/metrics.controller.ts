import { Controller, Get, Res } from '@nestjs/common';
import { PrometheusController } from '@willsoto/nestjs-prometheus';
import type { Response } from 'express';
import { OpsAccess } from '../identity/access.decorators.js';

/** `GET /metrics` for Prometheus. */
@Controller()
@OpsAccess()
export class MetricsController extends PrometheusController {
  /** Every metric of the process in Prometheus' text format. */
  @Get()
  override async index(@Res({ passthrough: true }) response: Response): Promise<string> {
    return super.index(response);
  }
}

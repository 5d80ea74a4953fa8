import { createHash, timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { RunnerError } from '../common/errors.js';
import { RunnerConfig } from '../config/runner-config.js';

/** Guards `/ops/*` and `/metrics` where a metrics token is configured (contract, section 1). */
@Injectable()
export class MetricsTokenGuard implements CanActivate {
  constructor(private readonly config: RunnerConfig) {}

  canActivate(context: ExecutionContext): boolean {
    const expected = this.config.metricsToken;
    if (expected === null) return true;
    const request = context.switchToHttp().getRequest<Request>();
    const presented = request.get('X-Runner-Metrics-Token')?.trim() ?? '';
    if (presented === '') {
      throw new RunnerError('metrics_token_missing', 'Missing X-Runner-Metrics-Token.');
    }
    // Hashes have one length, whatever was presented, so the comparison takes the same time.
    if (!timingSafeEqual(digest(presented), digest(expected))) {
      throw new RunnerError('metrics_token_invalid', 'Invalid X-Runner-Metrics-Token.');
    }
    return true;
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

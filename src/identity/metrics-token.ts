import { createHash, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { RunnerError } from '../common/errors.js';
import { RunnerConfig } from '../config/runner-config.js';

/** The token that `/ops/*` and `/metrics` want where one is configured (contract, section 1). */
@Injectable()
export class MetricsToken {
  constructor(private readonly config: RunnerConfig) {}

  get isConfigured(): boolean {
    return this.config.metricsToken !== null;
  }

  /** @throws {RunnerError} `metrics_token_missing`, `metrics_token_invalid` */
  require(request: Request): void {
    const presented = request.get('X-Runner-Metrics-Token')?.trim() ?? '';
    if (presented === '') {
      throw new RunnerError('metrics_token_missing', 'Missing X-Runner-Metrics-Token.');
    }
    // Hashes have one length, whatever was presented, so the comparison takes the same time.
    if (!timingSafeEqual(digest(presented), digest(this.config.metricsToken ?? ''))) {
      throw new RunnerError('metrics_token_invalid', 'Invalid X-Runner-Metrics-Token.');
    }
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { RunnerError } from '../common/errors.js';
import { ACCESS, type Access } from './access.decorators.js';
import { LOCAL_PLATFORM, type Identity, rememberIdentity } from './identity.js';
import { MetricsToken } from './metrics-token.js';
import type { Scope } from './scopes.js';

/** Lets a request through to its route if its caller may use that. It stands before every other guard. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly metricsToken: MetricsToken,
  ) {}

  /** @throws {RunnerError} `unauthenticated`, `forbidden`, `metrics_token_missing`, `metrics_token_invalid` */
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    const access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (access === undefined) {
      throw new RunnerError('forbidden', 'This route is open to nobody.');
    }
    if (access.kind === 'public') return true;
    const identity = LOCAL_PLATFORM;
    if (access.kind === 'ops') {
      if (this.metricsToken.isConfigured) this.metricsToken.require(request);
    } else {
      requireScopes(identity, access.scopes);
    }
    rememberIdentity(request, identity);
    return true;
  }
}

function requireScopes({ scopes }: Identity, wanted: readonly Scope[]): void {
  const missing = wanted.filter((scope) => !scopes.has(scope));
  if (missing.length === 0) return;
  throw new RunnerError(
    'forbidden',
    `This needs a token with ${missing.join(' and ')}; the administrator makes one with: npm run token -- --name NAME --scopes ${missing.join(',')}`,
  );
}

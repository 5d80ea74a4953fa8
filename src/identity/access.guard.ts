import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { RunnerError } from '../common/errors.js';
import { RunnerConfig } from '../config/runner-config.js';
import { ACCESS, type Access } from './access.decorators.js';
import { Authenticator } from './authenticator.js';
import { JWT_CALLER, METRICS_READER, type Identity, rememberIdentity } from './identity.js';
import { MetricsToken } from './metrics-token.js';
import type { Scope } from './scopes.js';

/** Lets a request through to its route if its caller may use that. It stands before every other guard. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly config: RunnerConfig,
    private readonly authenticator: Authenticator,
    private readonly metricsToken: MetricsToken,
  ) {}

  /**
   * @throws {RunnerError} `unauthenticated`, `forbidden`, `identity_unavailable`, `metrics_token_missing`,
   *   `metrics_token_invalid`
   */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Request>();
    const access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (access === undefined) {
      throw new RunnerError('forbidden', 'This route is open to nobody: it does not say to whom.');
    }
    if (access.kind === 'public') return true;
    rememberIdentity(
      request,
      access.kind === 'ops'
        ? await this.opsReader(request)
        : await this.callerWith(access.scopes, request),
    );
    return true;
  }

  private async callerWith(wanted: readonly Scope[], request: Request): Promise<Identity> {
    const identity = await this.authenticator.identify(request);
    const missing = wanted.filter((scope) => !identity.scopes.has(scope));
    if (missing.length === 0) return identity;
    this.refuse(request, identity, missing);
  }

  /** Where a metrics token is set it opens what a bearer does not, with the reference's own answers. */
  private async opsReader(request: Request): Promise<Identity> {
    if (!this.metricsToken.isConfigured) return this.callerWith(['ops:read'], request);
    const isToken =
      !this.config.identity.isAnonymous && request.headers.authorization !== undefined;
    const identity = isToken ? await this.authenticator.identify(request).catch(() => null) : null;
    if (identity?.scopes.has('ops:read')) return identity;
    try {
      this.metricsToken.require(request);
    } catch (error) {
      const code = error instanceof RunnerError ? error.code : 'unknown';
      // Its caller is known: what it lacks is more to the point than a header that it may never have had.
      if (identity !== null && code === 'metrics_token_missing')
        this.refuse(request, identity, ['ops:read']);
      this.authenticator.logRefusal(request, code, identity?.name ?? null);
      throw error;
    }
    return METRICS_READER;
  }

  private refuse(request: Request, { name }: Identity, missing: readonly Scope[]): never {
    this.authenticator.logRefusal(request, `without ${missing.join(', ')}`, name);
    throw new RunnerError('forbidden', this.sentenceFor(missing, name === JWT_CALLER));
  }

  private sentenceFor(missing: readonly Scope[], isJwt: boolean): string {
    const needed = missing.join(' and ');
    const command = `npm run token -- --name NAME --scopes ${missing.join(',')}`;
    if (isJwt) {
      return `This needs ${needed}, which this JWT does not have; its identity provider gives it in the claim for scopes.`;
    }
    return this.config.identity.isAnonymous
      ? `This needs a token with ${needed}: make one with \`${command}\`, and set FERMILINK_RUNNER_TOKENS_FILE.`
      : `This needs ${needed}, which this token does not have; the administrator makes one that has it with \`${command}\`.`;
  }
}

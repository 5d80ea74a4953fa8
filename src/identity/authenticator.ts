import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { RunnerError } from '../common/errors.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { logRefusal } from '../common/refusal-log.js';
import { RunnerConfig } from '../config/runner-config.js';
import { bearerOf, NO_BEARER, NO_TOKEN } from './bearer.js';
import { type Identity, LOCAL_PLATFORM } from './identity.js';
import { JwtVerifier } from './jwt-verifier.js';
import { foreignPart } from './local-caller.js';
import { TokenList } from './token-list.js';
import { TokenRefused } from './token-refused.js';

/** Finds out who calls; each request is looked at once. */
@Injectable()
export class Authenticator {
  private readonly known = new WeakMap<Request, Promise<Identity>>();

  constructor(
    private readonly config: RunnerConfig,
    private readonly tokens: TokenList,
    private readonly jwts: JwtVerifier,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Whose request this is.
   * @throws {RunnerError} `unauthenticated`; `forbidden` for a page of elsewhere while nothing is
   *   configured; `identity_unavailable`
   */
  identify(request: Request): Promise<Identity> {
    let identity = this.known.get(request);
    if (identity === undefined) {
      identity = this.look(request);
      this.known.set(request, identity);
    }
    return identity;
  }

  /** Notes in the log that a request was refused, and why; never with what it presented. */
  logRefusal(request: Request, reason: string, token: string | null): void {
    logRefusal(this.logger, request, { reason, token });
  }

  /** What is wrong with what callers are known by, as a sentence; null if nothing is. */
  async problem(): Promise<string | null> {
    return (await this.tokens.problem()) ?? (await this.jwts.problem());
  }

  private async look(request: Request): Promise<Identity> {
    if (this.config.identity.isAnonymous) return this.local(request);
    try {
      return await this.ofToken(request);
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      this.logRefusal(request, error.reason, error.tokenName);
      throw new RunnerError(
        'unauthenticated',
        [NO_TOKEN, NO_BEARER].includes(error.reason)
          ? 'This needs a token, in the header Authorization: Bearer TOKEN.'
          : 'This token is not valid here, or no more; get a new one from the administrator.',
      );
    }
  }

  private local(request: Request): Identity {
    const { identity, corsOrigins: origins } = this.config;
    const foreign = foreignPart(request, { isLocalOnly: identity.isLocalOnly, origins });
    if (foreign === null) return LOCAL_PLATFORM;
    this.logRefusal(request, foreign, null);
    throw new RunnerError(
      'forbidden',
      `${foreign}; the runner serves this machine alone until tokens are configured (FERMILINK_RUNNER_TOKENS_FILE), and pages of FERMILINK_RUNNER_CORS_ORIGINS.`,
    );
  }

  /** @throws {TokenRefused} */
  private async ofToken(request: Request): Promise<Identity> {
    const bearer = bearerOf(request);
    if ('fault' in bearer) throw new TokenRefused(bearer.fault, null);
    const { token } = bearer;
    const found = await this.tokens.find(token);
    if (found !== null) {
      const { name, user: userId, scopes, expiresAt } = found;
      if (expiresAt !== null && expiresAt <= Date.now()) {
        throw new TokenRefused('a token that has expired', `token:${name}`);
      }
      return { name: `token:${name}`, userId, scopes: new Set(scopes) };
    }
    if (this.jwts.accepts(token)) return this.jwts.identify(token);
    throw new TokenRefused('a token that is not known', null);
  }
}

import { Inject, Injectable } from '@nestjs/common';
import { errors, type JWTPayload, jwtVerify, type JWTVerifyOptions } from 'jose';
import { RunnerError } from '../common/errors.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { userIdFault } from '../common/user-id.js';
import type { JwtSettings } from '../config/identity-settings.js';
import { RunnerConfig } from '../config/runner-config.js';
import { type Identity, JWT_CALLER } from './identity.js';
import { type JwtKeys, jwtKeys, KeysUnavailable } from './jwt-keys.js';
import { isScope, type Scope } from './scopes.js';
import { TokenRefused } from './token-refused.js';

/** By how many seconds the clocks of two machines may differ. */
const CLOCK_TOLERANCE_SECONDS = 5;
/** The form of a JWT: three parts in base64url. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** Checks the tokens of the identity provider that is configured. */
@Injectable()
export class JwtVerifier {
  private readonly settings: JwtSettings | null;
  private readonly keys: JwtKeys | null;

  constructor(
    { identity }: RunnerConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.settings = identity.jwt;
    this.keys =
      identity.jwt === null
        ? null
        : jwtKeys(identity.jwt, (fault) => {
            this.logger.error(
              `FERMILINK_RUNNER_JWT_JWKS_FILE is invalid: ${fault}. The keys that it had before hold.`,
            );
          });
  }

  /** Whether a token may be one of the identity provider. */
  accepts(token: string): boolean {
    return this.settings !== null && JWT.test(token);
  }

  /**
   * Who a token is of.
   * @throws {TokenRefused}
   * @throws {RunnerError} `identity_unavailable` if the keys cannot be had
   */
  async identify(token: string): Promise<Identity> {
    try {
      return this.identityOf(await this.payloadOf(token));
    } catch (error) {
      if (error instanceof KeysUnavailable) {
        throw new RunnerError(
          'identity_unavailable',
          'The keys of the identity provider cannot be had at the moment; try again later.',
          { cause: error, retryAfterSeconds: 5 },
        );
      }
      if (error instanceof errors.JOSEError) throw new TokenRefused(reasonOf(error), JWT_CALLER);
      throw error;
    }
  }

  /** What is wrong with the file of keys, as a sentence; null if nothing is. */
  async problem(): Promise<string | null> {
    const fault = (await this.keys?.fault()) ?? null;
    return fault === null ? null : `FERMILINK_RUNNER_JWT_JWKS_FILE is not valid: ${fault}.`;
  }

  private async payloadOf(token: string): Promise<JWTPayload> {
    const { issuer, audience, algorithms } = this.settings!;
    const options: JWTVerifyOptions = {
      issuer,
      audience,
      algorithms: [...algorithms],
      requiredClaims: ['exp'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    };
    try {
      return (await jwtVerify(token, this.keys!.key, options)).payload;
    } catch (error) {
      if (isOfKey(error)) throw new TokenRefused('a JWT of a key that cannot be used', JWT_CALLER);
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      // The token does not say which key it was signed with.
      for await (const key of error) {
        try {
          return (await jwtVerify(token, key, options)).payload;
        } catch (tried) {
          // One that cannot be used keeps none of the others from being the right one.
          if (!(tried instanceof errors.JWSSignatureVerificationFailed || isOfKey(tried)))
            throw tried;
        }
      }
      throw new errors.JWSSignatureVerificationFailed();
    }
  }

  private identityOf(payload: JWTPayload): Identity {
    const { userClaim, scopesClaim } = this.settings!;
    const user = own(payload, userClaim);
    if (typeof user !== 'string' || user.trim() === '' || userIdFault(user) !== null) {
      throw new TokenRefused('a JWT whose user claim names no user', JWT_CALLER);
    }
    return {
      name: JWT_CALLER,
      userId: user.trim(),
      scopes: new Set(scopesIn(own(payload, scopesClaim))),
    };
  }
}

/**
 * Whether a key that is published cannot be used (too short, or damaged): then the library throws whatever
 * the platform's cryptography does.
 */
function isOfKey(error: unknown): boolean {
  return !(error instanceof errors.JOSEError || error instanceof KeysUnavailable);
}

/** A claim may be named like a member that every object has. */
function own(payload: JWTPayload, claim: string): unknown {
  return Object.hasOwn(payload, claim) ? payload[claim] : undefined;
}

/** The scopes of a claim that are ours: a text with blanks between them, or a list. */
function scopesIn(claim: unknown): Scope[] {
  const words: unknown[] = typeof claim === 'string' ? claim.split(' ') : asList(claim);
  return words.filter(isScope);
}

function asList(claim: unknown): unknown[] {
  return Array.isArray(claim) ? (claim as unknown[]) : [];
}

/** Why, for the log; the messages of the library may hold what the token says. */
function reasonOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'a JWT that has expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    return `a JWT whose claim ${JSON.stringify(error.claim)} is ${error.reason === 'missing' ? 'missing' : 'not what it must be'}`;
  }
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return 'a JWT that was signed with another key';
  if (error instanceof errors.JWKSNoMatchingKey) return 'a JWT of a key that is not known';
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) {
    return 'a JWT of an algorithm that is not allowed';
  }
  return `a JWT that is not valid (${error.code})`;
}

import type { Type } from '@nestjs/common';
import type { SecurityRequirementObject } from '@nestjs/swagger';
import type { ErrorCode } from '../common/errors.js';
import { ACCESS, type Access } from '../identity/access.decorators.js';
import { REFUSALS } from './described.decorator.js';

/** A route as it stands in its controller. */
export interface Handler {
  readonly controller: Type;
  readonly method: (...args: never[]) => unknown;
}

/** Key of the framework's list of the guards of a handler or a controller. */
const GUARDS = '__guards__';

/** With what a token, or the want of one, is refused. */
const OF_TOKENS: readonly ErrorCode[] = ['forbidden', 'identity_unavailable', 'unauthenticated'];

/** Who may use a route; undefined if its author has not said it. */
export function accessOf({ controller, method }: Handler): Access | undefined {
  return (Reflect.getMetadata(ACCESS, method) ?? Reflect.getMetadata(ACCESS, controller)) as
    Access | undefined;
}

/** The same in the words of OpenAPI, with the scopes as roles. */
export function securityOf(access: Access): SecurityRequirementObject[] {
  switch (access.kind) {
    case 'public':
      return [];
    case 'ops':
      return [{ bearer: ['ops:read'] }, { metricsToken: [] }];
    case 'scopes':
      return [{ bearer: [...access.scopes] }];
  }
}

/** With which problems a route is guarded. */
export function refusalsOf(handler: Handler, access: Access): ErrorCode[] {
  return [...refusalsOfAccess(access), ...refusalsOfGuards(handler)];
}

function refusalsOfAccess({ kind }: Access): ErrorCode[] {
  switch (kind) {
    case 'public':
      return [];
    case 'ops':
      return [...OF_TOKENS, 'metrics_token_invalid', 'metrics_token_missing'];
    case 'scopes':
      return [...OF_TOKENS];
  }
}

function refusalsOfGuards({ controller, method }: Handler): ErrorCode[] {
  return [controller, method].flatMap((place) => {
    const guards = (Reflect.getMetadata(GUARDS, place) ?? []) as object[];
    return guards.flatMap((guard) => (Reflect.getMetadata(REFUSALS, guard) ?? []) as ErrorCode[]);
  });
}

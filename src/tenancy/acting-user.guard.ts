import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { actingCallerOf } from './acting-user.js';

/**
 * For routes that are the same for all users: who names two of them is refused there too, since such a caller
 * is mistaken about whom it acts for.
 */
@Injectable()
export class ActingUserGuard implements CanActivate {
  /** @throws {RunnerError} as `actingCallerOf` */
  canActivate(context: ExecutionContext): boolean {
    actingCallerOf(context.switchToHttp().getRequest<Request>());
    return true;
  }
}

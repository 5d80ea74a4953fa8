import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { actingCallerOf } from './acting-user.js';

/** The `ActingCaller` of a request, as a parameter of a handler. Errors as for `actingCallerOf`. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext) =>
  actingCallerOf(context.switchToHttp().getRequest<Request>()),
);

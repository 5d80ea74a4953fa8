import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { allowedMethods } from '../common/routes.js';
import type { Authenticator } from './authenticator.js';

/** Methods whose requests have no body that a route reads. */
const WITHOUT_BODY = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses a caller who is nobody before the body is read, which would cost the server more than the
 * refusal. Where there is no route, the answer is the usual one: which routes there are is no secret.
 */
export function callerFirst(authenticator: Authenticator): RequestHandler {
  return (request: Request, _response: Response, next: NextFunction) => {
    if (WITHOUT_BODY.has(request.method) || !allowedMethods(request).includes(request.method)) {
      next();
      return;
    }
    authenticator.identify(request).then(
      () => next(),
      (refusal: unknown) => next(refusal),
    );
  };
}

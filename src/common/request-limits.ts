import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Socket } from 'node:net';

/** The largest body that is read. */
export const BODY_LIMIT_BYTES = 1024 * 1024;
/** Requests of one connection that may be under way at once. */
const MAX_IN_FLIGHT = 64;
/** How long the rest of a body that was refused is taken, in milliseconds. */
const DISCARD_MS = 5000;

/**
 * Refuses, before anything is done for it, what would cost the server more than the client: a body
 * that says itself that it is too large, and more requests behind each other on one connection than
 * any client has a use for.
 */
export function requestLimits(): RequestHandler {
  const inFlight = new WeakMap<Socket, number>();
  return (request: Request, response: Response, next: NextFunction) => {
    const { socket } = request;
    if (socket.destroyed) return;
    const count = (inFlight.get(socket) ?? 0) + 1;
    if (count > MAX_IN_FLIGHT) {
      socket.destroy();
      return;
    }
    inFlight.set(socket, count);
    response.once('finish', () => inFlight.set(socket, (inFlight.get(socket) ?? 1) - 1));
    if (Number(request.get('content-length') ?? 0) > BODY_LIMIT_BYTES) {
      discardRest(request);
      next(Object.assign(new Error('the body says that it is too large'), { status: 413 }));
      return;
    }
    next();
  };
}

/**
 * The rest of a body is not waited for, but taken for a while: a client that is still sending when the
 * connection closes would see it break, and not the answer.
 */
function discardRest(request: Request): void {
  const patience = setTimeout(() => request.socket.destroy(), DISCARD_MS);
  request.once('close', () => clearTimeout(patience));
  request.once('end', () => clearTimeout(patience));
}

/**
 * Refuses a body that is not UTF-8: it would be read with other characters than were sent.
 * For the body parser, which hands over what it has read and answers what is thrown.
 */
export function requireUtf8(_request: unknown, _response: unknown, body: Buffer): void {
  new TextDecoder('utf-8', { fatal: true }).decode(body);
}

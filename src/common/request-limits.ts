import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Socket } from 'node:net';

/** The largest body that is read. */
export const BODY_LIMIT_BYTES = 1024 * 1024;
/** Requests that may wait on one connection for those before them. */
const MAX_WAITING = 64;
/** How long the rest of a body that was refused is taken, in milliseconds. */
const DISCARD_MS = 5000;

interface Waiting {
  request: Request;
  response: Response;
  serve: () => void;
}

/** What there is to serve on each connection, the first of it under way. */
const lines = new WeakMap<Socket, Waiting[]>();

/**
 * Refuses, before anything is done for it, what would cost the server more than the client: a body
 * that says itself that it is too large, and more requests behind each other on one connection than
 * any client has a use for. Those that there are (pipelining) are served one after the other: an answer
 * whose turn on the connection has not come would wait in memory, however little the client reads.
 */
export function requestLimits(): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const { socket } = request;
    if (socket.destroyed) return;
    const line = lines.get(socket) ?? [];
    lines.set(socket, line);
    if (line.length > MAX_WAITING) {
      socket.destroy();
      return;
    }
    const serve = () => {
      if (!socket.destroyed) limitBody(request, next);
    };
    line.push({ request, response, serve });
    response.once('finish', () => {
      line.shift();
      line[0]?.serve();
    });
    if (line.length === 1) serve();
  };
}

/**
 * Cuts connections on which nothing has moved for a while; for the idle timer of the server. One whose
 * request is being worked on is spared, unless its client accepts nothing of the answer.
 */
export function cutIdleConnections(socket: Socket): void {
  const isServed = (lines.get(socket)?.length ?? 0) > 0;
  if (!isServed || socket.writableLength > 0) socket.destroy();
}

/**
 * Whether an answer that is written now would be taken for that to the request which could not be read,
 * and not for that to an earlier one.
 */
export function isNextToAnswer(socket: Socket): boolean {
  const [first, ...others] = lines.get(socket) ?? [];
  if (first === undefined) return true;
  return others.length === 0 && !first.request.complete && !first.response.headersSent;
}

function limitBody(request: Request, next: NextFunction): void {
  if (Number(request.get('content-length') ?? 0) > BODY_LIMIT_BYTES) {
    discardRest(request);
    next(Object.assign(new Error('the body says that it is too large'), { status: 413 }));
    return;
  }
  next();
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
export function requireUtf8(
  _request: unknown,
  _response: unknown,
  body: Buffer,
  charset: string,
): void {
  if (charset !== 'utf-8') throw new Error(`the body says that it is ${charset}`);
  new TextDecoder('utf-8', { fatal: true }).decode(body);
}

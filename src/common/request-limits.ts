import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** The largest body that is read. */
export const BODY_LIMIT_BYTES = 1024 * 1024;
/** How long a client may take to send a body that is read as a whole, in milliseconds. */
const BODY_MS = 300_000;
/** Requests that may wait on one connection for those before them. */
const MAX_WAITING = 64;
/** How long the rest of a body that was refused is taken, in milliseconds. */
const DISCARD_MS = 5000;

/**
 * A route that takes its body as a stream. The limits here are not its: it has its own, on bytes and on
 * time.
 */
export interface StreamedBody {
  readonly method: string;
  readonly path: RegExp;
}

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
export function requestLimits(streamed: readonly StreamedBody[]): RequestHandler {
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
      if (socket.destroyed) return;
      if (isStreamed(request, streamed)) leaveBody(request, response);
      else if (!limitBody(request, next)) return;
      next();
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
 * What a connection is at: nothing is asked on it, a request is still arriving to which nothing has been
 * said, or one is being worked on or answered.
 */
export function occupationOf(socket: Socket): 'idle' | 'receiving' | 'answering' {
  const [first, ...others] = lines.get(socket) ?? [];
  if (first === undefined) return 'idle';
  const isArriving = others.length === 0 && !first.request.complete && !first.response.headersSent;
  return isArriving ? 'receiving' : 'answering';
}

/** Whether the body of a request is left to its route, and no parser may touch it. */
function isStreamed(
  request: { method: string; path: string },
  streamed: readonly StreamedBody[],
): boolean {
  return streamed.some(({ method, path }) => method === request.method && path.test(request.path));
}

/** For the body parser: whether it is to read a body, by its media type. */
export function isJsonBody(
  streamed: readonly StreamedBody[],
): (message: IncomingMessage) => boolean {
  return (message) => {
    // The parser's type knows less of it than there is.
    const request = message as Request;
    const isJson = Boolean(request.is(['application/json', 'application/*+json']));
    return isJson && !isStreamed(request, streamed);
  };
}

function leaveBody(request: Request, response: Response): void {
  // Where the route did not want the rest of it, the client is not served another request before it.
  response.once('finish', () => {
    if (!request.complete) discardRest(request);
  });
}

/** @returns whether it may be read; where it may not, that is answered */
function limitBody(request: Request, next: NextFunction): boolean {
  if (Number(request.get('content-length') ?? 0) > BODY_LIMIT_BYTES) {
    discardRest(request);
    next(Object.assign(new Error('the body says that it is too large'), { status: 413 }));
    return false;
  }
  limitBodyTime(request);
  return true;
}

/** The server's own limit on the time of a request would hold for streamed bodies too. */
function limitBodyTime(request: Request): void {
  if (request.get('content-length') === undefined && request.get('transfer-encoding') === undefined)
    return;
  const patience = setTimeout(() => request.socket.destroy(), BODY_MS);
  const isRead = () => clearTimeout(patience);
  request.once('end', isRead).once('close', isRead);
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

import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { RunnerError } from './errors.js';
import { problemOf } from './problem.filter.js';
import { occupationOf } from './request-limits.js';

const MALFORMED = new RunnerError('request_malformed', 'The request is not valid HTTP/1.1.');
const TIMEOUT = new RunnerError(
  'request_timeout',
  'The request did not arrive in time; send it again.',
);
/** By the code of Node's error. */
const REFUSALS: Readonly<Record<string, RunnerError>> = {
  HPE_HEADER_OVERFLOW: new RunnerError(
    'headers_too_large',
    'The headers of the request are larger than 16 KiB; send fewer or shorter ones.',
  ),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: new RunnerError(
    'body_too_large',
    'The chunk extensions of the body are too large; send it without them.',
  ),
  ERR_HTTP_REQUEST_TIMEOUT: TIMEOUT,
};

/**
 * Answers what the HTTP parser refuses, which no filter ever sees: for the event `clientError` of the
 * server. A connection on which an earlier request has its answer still to come is cut instead: it would
 * be taken for that.
 */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  const isGone = error.code === 'ECONNRESET' || !socket.writable;
  if (isGone || occupationOf(socket) === 'answering') socket.destroy();
  else refuse(socket, REFUSALS[error.code ?? ''] ?? MALFORMED);
}

/**
 * Ends connections on which nothing has moved for a while; for the idle timer of the server. One whose
 * request is being worked on is spared, unless its client accepts nothing of the answer.
 */
export function endIdleConnection(socket: Socket): void {
  const occupation = occupationOf(socket);
  if (occupation === 'receiving') refuse(socket, TIMEOUT);
  else if (occupation === 'idle' || socket.writableLength > 0) socket.destroy();
}

function refuse(socket: Socket, error: RunnerError): void {
  const { status, body } = problemOf(error);
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Connection: close',
      'Content-Type: application/problem+json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
    // A client that goes on sending would keep it open.
    () => socket.destroy(),
  );
}

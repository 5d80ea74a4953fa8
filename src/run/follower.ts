import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Departure } from './run.js';

/** One connection that follows a run, from its request to its end. */
export class Follower {
  private departure: Departure = 'gone';

  constructor(
    private readonly request: IncomingMessage,
    readonly response: ServerResponse,
  ) {
    // What is written to a client that has just gone comes to nothing; that is no error of the server.
    response.on('error', () => undefined);
    // The framework's header says otherwise, but who asks for it reads until the connection ends.
    if (/\bclose\b/i.test(request.headers.connection ?? '')) {
      response.once('finish', () => request.socket.end());
    }
  }

  /** Calls `callback` once when the connection is over, with the reason. */
  onEnd(callback: (departure: Departure) => void): void {
    onConnectionEnd(this.request, this.response, () => callback(this.departure));
  }

  /** Cuts the connection, for a reason that is not the client's wish: it may come back. */
  cut(): void {
    this.departure = 'cut';
    this.response.destroy();
  }
}

/**
 * Who waits for a connection to close. One listener a connection, however many requests a client sends
 * behind each other: removing one of many listeners costs time in their number.
 */
const waiting = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls `callback` once when an answer is over: sent whole, or its client gone. Of a connection that
 * breaks, the response tells only if it was that request's turn to be answered; behind another one on
 * the same connection (pipelining) only the socket does.
 */
function onConnectionEnd(
  { socket }: IncomingMessage,
  response: ServerResponse,
  callback: () => void,
): void {
  const callbacks = waiting.get(socket) ?? watch(socket);
  const end = () => {
    response.off('close', end);
    if (callbacks.delete(end)) callback();
  };
  callbacks.add(end);
  response.once('close', end);
  if (socket.destroyed || response.closed) end();
}

function watch(socket: Socket): Set<() => void> {
  const callbacks = new Set<() => void>();
  waiting.set(socket, callbacks);
  socket.once('close', () => {
    for (const end of callbacks) end();
  });
  return callbacks;
}

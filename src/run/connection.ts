import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Calls `callback` once when an answer is over: sent whole, or its client gone. Of a connection that
 * breaks, the response tells only if it was that request's turn to be answered; behind another one on
 * the same connection (pipelining) only the socket does.
 */
export function onConnectionEnd(
  request: IncomingMessage,
  response: ServerResponse,
  callback: () => void,
): void {
  const { socket } = request;
  const end = () => {
    response.off('close', end);
    socket.off('close', end);
    callback();
  };
  response.once('close', end);
  socket.once('close', end);
  if (socket.destroyed || response.closed) end();
}

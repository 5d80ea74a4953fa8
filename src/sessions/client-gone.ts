import type { Response } from 'express';

/** A signal that aborts when nobody waits for an answer any more: it has been sent, or its client has left. */
export function clientGone(response: Response): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  // It may have left before anybody looked.
  if (response.destroyed) gone.abort();
  return gone.signal;
}

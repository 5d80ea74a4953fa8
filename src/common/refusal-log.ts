import type { Request } from 'express';
import type { Logger } from './logger.js';

/** Why a caller was refused, for the log; never with what it presented. */
export interface Refusal {
  reason: string;
  /** By what the caller is known; null if it is not. */
  token: string | null;
}

/** Notes in the log that a request was refused, and why. */
export function logRefusal(
  logger: Logger,
  { method, path, socket }: Request,
  { reason, token }: Refusal,
): void {
  const remote = socket.remoteAddress ?? null;
  logger.warn({ method, path, reason, token, remote }, 'a caller was refused');
}

import type { ServerResponse } from 'node:http';
import { eventFrame, HEARTBEAT_FRAME, safeJson } from './event-frame.js';

/** How long a stream may be silent before a comment goes out, in milliseconds. */
const HEARTBEAT_MS = 10_000;

/**
 * The sending side of one stream. It waits until the client has taken what it was sent before it takes
 * more, so that a client that does not read costs no memory, and keeps a silent connection alive.
 */
export class FrameSink {
  private readonly heartbeat: NodeJS.Timeout;
  private readonly timedOut: () => void;

  /**
   * @param timeoutSeconds after so long without a byte accepted, `onTimeout` is called; the system
   *   looks once in that time, so it may take twice as long
   */
  constructor(
    private readonly response: ServerResponse,
    timeoutSeconds: number,
    onTimeout: () => void,
  ) {
    this.heartbeat = setInterval(() => {
      if (!response.writableNeedDrain) response.write(HEARTBEAT_FRAME);
    }, HEARTBEAT_MS);
    // The timer of a socket looks at what is accepted, also in the middle of a long write.
    this.timedOut = () => {
      if (response.writableNeedDrain) onTimeout();
    };
    response.setTimeout(timeoutSeconds * 1000, this.timedOut);
  }

  /**
   * Sends a batch of whole frames; waits for a client that is behind.
   * @throws the signal's reason if the client has gone: the response may have been ended then
   */
  async write(batch: Buffer, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.send(batch)) await drained(this.response, signal);
  }

  /** Sends an event that no log has; `id` is that of the last logged event which was sent. */
  async notice(id: number, type: string, value: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.send(eventFrame(id, type, safeJson(value)))) await drained(this.response, signal);
  }

  /** Ends the heartbeats; what the client has not taken yet is the server's matter (`cutIdleConnections`). */
  close(): void {
    clearInterval(this.heartbeat);
    this.response.off('timeout', this.timedOut);
  }

  private send(bytes: Buffer | string): boolean {
    this.heartbeat.refresh();
    return this.response.write(bytes);
  }
}

/** Waits until the client has taken what waits for it; rejects when it has gone (`signal`). */
function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      response.off('drain', settle);
      signal.removeEventListener('abort', settle);
      if (signal.aborted) reject(signal.reason as Error);
      else resolve();
    };
    response.on('drain', settle);
    signal.addEventListener('abort', settle);
    if (signal.aborted) settle();
  });
}

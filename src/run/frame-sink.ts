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
  private isBetweenEvents = true;

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
      if (response.writableLength === 0 && this.isBetweenEvents) response.write(HEARTBEAT_FRAME);
    }, HEARTBEAT_MS);
    // The timer of a socket looks at what is accepted, also in the middle of a long write.
    this.timedOut = () => {
      if (response.writableLength > 0) onTimeout();
    };
    response.setTimeout(timeoutSeconds * 1000, this.timedOut);
  }

  /**
   * Sends a batch of frames; waits until the system has taken it, which it does when the client is
   * not behind. Then its memory may be used again.
   * @param isWhole the batch ends with an event; otherwise nothing may come in between
   * @throws the signal's reason if the client has gone: the response may have been ended then
   */
  write(batch: Buffer | string, signal: AbortSignal, isWhole = true): Promise<void> {
    this.isBetweenEvents = isWhole;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const gone = () => reject(signal.reason as Error);
      signal.addEventListener('abort', gone);
      this.heartbeat.refresh();
      this.response.write(batch, (error) => {
        // Whoever could not be written to is about to be gone.
        if (error) return;
        signal.removeEventListener('abort', gone);
        resolve();
      });
    });
  }

  /** Sends an event that no log has; `id` is that of the last logged event which was sent. */
  async notice(id: number, type: string, value: unknown, signal: AbortSignal): Promise<void> {
    await this.write(eventFrame(id, type, safeJson(value)), signal);
  }

  /** Ends the heartbeats; what the client has not taken yet is the server's matter (`endIdleConnection`). */
  close(): void {
    clearInterval(this.heartbeat);
    this.response.off('timeout', this.timedOut);
  }
}

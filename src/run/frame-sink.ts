import type { ServerResponse } from 'node:http';
import { eventFrame, HEARTBEAT_FRAME } from './event-frame.js';

/** How long a stream may be silent before a comment goes out, in milliseconds. */
const HEARTBEAT_MS = 10_000;

/**
 * The sending side of one stream. It waits until the client has taken what it was sent before it takes
 * more, so that a client that does not read costs no memory, and keeps a silent connection alive.
 */
export class FrameSink {
  /** Whether what was sent ends with a whole frame: only then may another kind of frame follow. */
  private betweenFrames = true;
  private readonly heartbeat: NodeJS.Timeout;

  constructor(private readonly response: ServerResponse) {
    this.heartbeat = setInterval(() => {
      if (this.betweenFrames && !response.writableNeedDrain) response.write(HEARTBEAT_FRAME);
    }, HEARTBEAT_MS);
  }

  /** Sends a piece of a log, whose frames may be cut anywhere; waits for a client that is behind. */
  async write(piece: Buffer, signal: AbortSignal): Promise<void> {
    this.betweenFrames = piece.length >= 2 ? piece.subarray(-2).equals(FRAME_END) : false;
    if (!this.send(piece)) await drained(this.response, signal);
  }

  /** Sends an event that no log has; `id` is that of the last logged event which was sent. */
  async notice(id: number, type: string, value: unknown, signal: AbortSignal): Promise<void> {
    if (!this.send(eventFrame(id, type, JSON.stringify(value)))) {
      await drained(this.response, signal);
    }
  }

  close(): void {
    clearInterval(this.heartbeat);
  }

  private send(bytes: Buffer | string): boolean {
    this.heartbeat.refresh();
    return this.response.write(bytes);
  }
}

const FRAME_END = Buffer.from('\n\n');

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

import type { LoggedEventType } from './event-frame.js';

/**
 * Everything that one run says, as the frames that go over the wire, numbered 1, 2, 3… One writer
 * appends, any number of readers follow, each at its own speed; what a reader gets is in the log first.
 */
export interface RunLog {
  /** The number of the last event that was appended; 0 before the first. */
  readonly lastEventId: number;

  /**
   * Appends an event. `data` must hold no character that ends a line. Events wait in memory until the
   * next turn of the event loop, or until there are enough of them, and are then written at once.
   */
  append(type: LoggedEventType, data: string): void;

  /**
   * Appends the last event and writes everything out, without showing the last event to any reader
   * yet: `publishEnd` does, when the run's slot has come free. If it cannot be written, readers will
   * get it without an id.
   */
  seal(type: LoggedEventType, data: string): void;
  publishEnd(): void;

  /**
   * Reads from the beginning. The reader gets pieces of at most 256 KiB, split anywhere; their
   * concatenation is the log. It must be closed.
   */
  reader(): RunLogReader;

  /** Called once, with the cause, when the log cannot be written any more. */
  onBroken: ((cause: unknown) => void) | null;
}

export interface RunLogReader {
  /**
   * The next piece: waits for one, and gives null after the last event of a sealed log.
   * @throws the signal's reason when it is aborted
   */
  next(signal: AbortSignal): Promise<Buffer | null>;
  close(): void;
}

/** Makes logs; the one place that chooses where they live. */
export const RUN_LOGS = Symbol('RunLogs');
export interface RunLogs {
  create(runId: string): RunLog;
}

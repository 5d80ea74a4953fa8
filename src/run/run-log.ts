import { MAX_READ_BYTES } from '../provider/agent-reading.js';
import type { LoggedEventType } from './event-frame.js';

/** More than a frame has besides its data. */
const FRAME_BYTES = 64;
/**
 * What a reader holds in memory at most: an event that is longer comes in parts. Every line that an
 * agent's reading reads comes whole.
 */
export const MAX_HELD_BYTES = MAX_READ_BYTES + FRAME_BYTES;

/**
 * Everything that one run says, as the frames that go over the wire, numbered 1, 2, 3… One writer
 * appends, any number of readers follow, each from any event on and at its own speed; what a reader
 * gets is in the log first, and stays there when the server dies.
 */
export interface RunLog {
  /** The number of the last event that readers may see; 0 before the first. */
  readonly lastEventId: number;
  /** Bytes of all events. */
  readonly size: number;

  /** Makes sure that there is a place to write to; an error says why there is none. */
  prepare(): void;

  /**
   * Appends an event. `data` must hold no character that ends a line. Events wait in memory until the
   * next turn of the event loop, or until there are enough of them, and are then written at once.
   * After a write has failed nothing more is appended but the end, and behind the end nothing.
   */
  append(type: LoggedEventType, data: string): void;

  /**
   * Appends an event for each line of a block: UTF-8 with an LF between two lines and no other
   * character that ends one. The block may be written over when this has returned.
   */
  appendLines(type: LoggedEventType, block: Buffer): void;

  /** Writes what waits in memory. */
  flush(): void;

  /**
   * Appends the last event and brings everything to the disk, without showing the last event to any
   * reader yet: `publishEnd` does, when the run's slot has come free.
   * @returns its number; null if it could not be written: then readers get it without an id
   */
  seal(type: LoggedEventType, data: string): Promise<number | null>;
  /** Shows the end to readers; who has it is done. */
  publishEnd(): void;
  /**
   * Writes a published end that could not be written before; false if it still cannot be. The log stays
   * open until `abandon`: so long, who comes gets it from here.
   */
  writeEndAgain(): Promise<boolean>;
  /** Lets go of a log to which nothing more will be written; what is in it stays. */
  abandon(): void;

  /**
   * Reads what comes after the event with the number `after` (0: all), in batches of whole events: as
   * many as fit into 256 KiB, or one. An event of over `MAX_HELD_BYTES` comes in parts, so that a reader
   * who is slow holds no more than that. The reader must be closed.
   */
  reader(after: number): RunLogReader;

  /** Called once, with the cause, when a write has failed. */
  onBroken: ((cause: unknown) => void) | null;
}

export interface RunLogReader {
  /**
   * The next batch: waits for one, and gives null after the last event of an ended log. Its memory is
   * used again from the next call on.
   * @throws the signal's reason when it is aborted
   */
  next(signal: AbortSignal): Promise<Buffer | null>;
  /** Whether the last batch ended with an event; false within one that comes in parts. */
  readonly isBetweenEvents: boolean;
  /** The number of the last event that was read; to be asked between events. */
  lastReadId(): Promise<number>;
  /** Frees what the reader holds. */
  close(): void;
}

/** What a crash has left of a log. */
export interface RecoveredLog {
  log: RunLog;
  /** The data of the `runner.exit` that it ends with; null if the run has no end yet. */
  end: string | null;
}

/** Makes, finds and removes logs; the one place that chooses where they live. */
export interface RunLogs {
  /** The log of a new run. */
  create(runId: string): RunLog;
  /** Opens the log of a run whose server died, without what it wrote of a last event. */
  recover(runId: string): RecoveredLog;
  /** The log of an ended run for reading; null if its events are not there any more. */
  open(runId: string, lastEventId: number): RunLog | null;
  /** Whether somebody writes or reads it now. */
  isInUse(runId: string): boolean;
  /** Removes the events of a run; who reads them just now has them to the end. */
  remove(runId: string): void;
}

export const RUN_LOGS = Symbol('RunLogs');

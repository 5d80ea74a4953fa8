import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  MAX_HELD_BYTES,
  type RunLog,
  type RunLogReader,
  type RunLogs,
} from '../../src/run/run-log.js';

/** What an adapter gives the suite: a place for logs that outlives the servers that use it. */
export interface RunLogStorage {
  /**
   * The logs as a server that has just started sees them.
   * @param bufferBytes how much of a run's output may wait in memory
   */
  open(bufferBytes?: number): RunLogs;
  /** Leaves bytes behind the last event of a log, as a server does that dies while it writes. */
  tear(runId: string, bytes: Buffer): void;
  dispose(): void;
}

export type RunLogStorageFactory = () => RunLogStorage;

/** What a batch of several events may have at most. */
export const BATCH_BYTES = 256 * 1024;

export const never = new AbortController().signal;

export interface SeenEvent {
  id: number | null;
  type: string;
  data: string;
}

/** Takes a batch apart, which must consist of whole events. */
export function eventsIn(batch: Buffer): SeenEvent[] {
  const text = batch.toString('utf8');
  const frames = text.split('\n\n');
  if (frames.pop() !== '') throw new Error(`a batch ends in mid-event: …${text.slice(-80)}`);
  if (frames.length > 1 && batch.length > BATCH_BYTES) {
    throw new Error(`a batch of ${frames.length} events has ${batch.length} bytes`);
  }
  return frames.map((frame) => {
    const match = /^(?:id: (\d+)\n)?event: ([a-z.]+)\ndata: ([^\n]*)$/.exec(frame);
    if (match === null) throw new Error(`no event: ${frame.slice(0, 80)}…`);
    return {
      id: match[1] === undefined ? null : Number(match[1]),
      type: match[2]!,
      data: match[3]!,
    };
  });
}

/** The next batch of a reader, the parts of a long event put together. */
export async function nextWhole(reader: RunLogReader, signal = never): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  do {
    const batch = await reader.next(signal);
    if (batch === null) return null;
    if (batch.length > MAX_HELD_BYTES) throw new Error(`a part has ${batch.length} bytes`);
    parts.push(Buffer.from(batch));
  } while (!reader.isBetweenEvents);
  return Buffer.concat(parts);
}

/** All that a log has from an event on, until its end. */
export async function readAll(log: RunLog, after = 0): Promise<SeenEvent[]> {
  const reader = log.reader(after);
  const seen: SeenEvent[] = [];
  try {
    for (;;) {
      const batch = await nextWhole(reader);
      if (batch === null) return seen;
      seen.push(...eventsIn(batch));
    }
  } finally {
    reader.close();
  }
}

/** The next `count` events of a log from an event on; it need not have ended. */
export async function readSome(log: RunLog, after: number, count: number): Promise<SeenEvent[]> {
  const reader = log.reader(after);
  const seen: SeenEvent[] = [];
  try {
    while (seen.length < count) seen.push(...eventsIn((await nextWhole(reader))!));
    return seen;
  } finally {
    reader.close();
  }
}

/** Lets what waits be written. */
export async function flushed(): Promise<void> {
  await nextTurn();
}

export async function endOf(log: RunLog, data = '{}'): Promise<number | null> {
  const id = await log.seal('runner.exit', data);
  log.publishEnd();
  return id;
}

export const idsOf = (events: readonly SeenEvent[]) => events.map(({ id }) => id);

/** The whole numbers from `first` to `last`. */
export const range = (first: number, last: number) =>
  Array.from({ length: Math.max(last - first + 1, 0) }, (_, index) => first + index);

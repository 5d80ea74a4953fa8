import { readSync } from 'node:fs';

/** Ends every frame; no data of an event holds it. */
export const FRAME_END = Buffer.from('\n\n');
/** More than the longest first line that a frame can have. */
export const MAX_ID_LINE_BYTES = 32;

const FIRST_WINDOW_BYTES = 64 * 1024;

/** The last whole frame of a log. */
export interface LastFrame {
  id: number;
  event: string;
  data: string;
  /** Where the log goes on behind it. */
  end: number;
}

/** The number of the event whose frame begins with these bytes; null if no frame does. */
export function idOfFrame(bytes: Buffer): number | null {
  const match = /^id: (\d{1,15})\n/.exec(bytes.toString('latin1', 0, MAX_ID_LINE_BYTES));
  return match === null ? null : Number(match[1]);
}

/**
 * Finds the last whole frame of a log from its end, in windows that grow until they hold one. What
 * lies behind it is what a crash has left of a write.
 */
export function lastWholeFrame(fd: number, size: number): LastFrame | null {
  for (let bytes = FIRST_WINDOW_BYTES; ; bytes *= 4) {
    const begin = Math.max(0, size - bytes);
    const window = readAt(fd, begin, size - begin);
    const found = lastFrameIn(window, begin === 0);
    if (found !== null) return { ...found, end: begin + found.end };
    if (begin === 0) return null;
  }
}

function lastFrameIn(window: Buffer, isWholeLog: boolean): LastFrame | null {
  let end = window.lastIndexOf(FRAME_END);
  while (end >= 0) {
    const previous = end === 0 ? -1 : window.lastIndexOf(FRAME_END, end - 1);
    if (previous < 0 && !isWholeLog) return null;
    const begin = previous < 0 ? 0 : previous + FRAME_END.length;
    const text = window.toString('utf8', begin, end);
    const match = /^id: (\d{1,15})\nevent: ([a-z.]+)\ndata: ([^\n]*)$/.exec(text);
    if (match !== null) {
      const [, id, event, data] = match as unknown as [string, string, string, string];
      return { id: Number(id), event, data, end: end + FRAME_END.length };
    }
    end = previous;
  }
  return null;
}

function readAt(fd: number, position: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(fd, buffer, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}

/** Counts frames in a log that is read in pieces, to find where an event begins. */
export class FrameCounter {
  /** Whether the bytes so far end with the first half of a frame's end. */
  private halfEnd = false;

  /** @param id the number of the event at whose beginning the counting starts */
  constructor(private id: number) {}

  /** Looks for the beginning of an event in the next piece: its offset there, or null. */
  find(wanted: number, piece: Buffer): number | null {
    if (this.id === wanted) return 0;
    let at = 0;
    if (this.halfEnd && piece[0] === 0x0a) {
      at = 1;
      this.id += 1;
      if (this.id === wanted) return at;
    }
    for (;;) {
      const end = piece.indexOf(FRAME_END, at);
      if (end < 0) break;
      at = end + FRAME_END.length;
      this.id += 1;
      if (this.id === wanted) return at;
    }
    this.halfEnd = at < piece.length && piece.at(-1) === 0x0a;
    return null;
  }
}

import { frameHead, type LoggedEventType } from './event-frame.js';
import { FRAME_END } from './log-frames.js';

const LF = 0x0a;
const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;

/** Whose frames wait in the buffer. */
export interface FrameOwner {
  /** Writes them, and takes them out with `clear`. */
  flush(): void;
}

/**
 * Where frames wait until they are written: one piece of memory for all logs, used by one at a time and
 * again and again. Lines are copied as bytes and never decoded; as strings, or in memory that is new
 * each time, the same lines cost several times as much.
 */
export class FrameBuffer {
  /** How many frames wait. */
  count = 0;
  private readonly bytes: Buffer;
  private used = 0;
  private owner: FrameOwner | null = null;

  /** @param capacity in bytes */
  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacity);
  }

  /** What waits; to be read before anything else is added. */
  get waiting(): Buffer {
    return this.bytes.subarray(0, this.used);
  }

  isOf(owner: FrameOwner): boolean {
    return this.owner === owner;
  }

  /** Lets a log add frames; what waits of another one is written first. */
  claim(owner: FrameOwner): void {
    if (this.owner === owner) return;
    this.owner?.flush();
    this.owner = owner;
  }

  clear(): void {
    this.owner = null;
    this.used = 0;
    this.count = 0;
  }

  /**
   * Adds a frame for each line, one after the other, until one finds no room.
   * @param head of the first of them; it counts along
   * @param block lines with an LF between two
   * @param from where the first of them begins
   * @returns where the first line begins that found no room; behind the block if all did
   */
  addLines(head: NumberedHead, block: Buffer, from: number): number {
    const { bytes } = this;
    let at = this.used;
    let begin = from;
    while (begin <= block.length) {
      const lineFeed = block.indexOf(LF, begin);
      const end = lineFeed < 0 ? block.length : lineFeed;
      const headBytes = head.bytes;
      if (at + headBytes.length + end - begin + FRAME_END.length > bytes.length) break;
      bytes.set(headBytes, at);
      at += headBytes.length;
      at += block.copy(bytes, at, begin, end);
      bytes[at] = bytes[at + 1] = LF;
      at += FRAME_END.length;
      this.count += 1;
      head.increment();
      begin = end + 1;
    }
    this.used = at;
    return begin;
  }
}

/** What stands before the data of an event, whose number counts up in place. */
export class NumberedHead {
  bytes: Buffer;
  private lastDigit: number;

  constructor(
    private id: number,
    private readonly type: LoggedEventType,
  ) {
    this.bytes = Buffer.from(frameHead(id, type));
    this.lastDigit = this.bytes.indexOf(LF) - 1;
  }

  increment(): void {
    this.id += 1;
    let at = this.lastDigit;
    while (this.bytes[at] === NINE) {
      this.bytes[at] = ZERO;
      at -= 1;
    }
    if (this.bytes[at] !== SPACE) {
      this.bytes[at]! += 1;
      return;
    }
    // One digit more.
    this.bytes = Buffer.from(frameHead(this.id, this.type));
    this.lastDigit = this.bytes.indexOf(LF) - 1;
  }
}

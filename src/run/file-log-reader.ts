import { bufferPool } from '../common/buffer-pool.js';
import { eventFrame, type LoggedEventType } from './event-frame.js';
import { FRAME_END, FrameCounter, idOfFrame, MAX_ID_LINE_BYTES } from './log-frames.js';
import type { LogIndex } from './log-index.js';
import { MAX_HELD_BYTES, type RunLogReader } from './run-log.js';

/** What a batch of several events has at most: as much as stays in the processor's cache while it is sent. */
export const BATCH_BYTES = 256 * 1024;
const LF = 0x0a;

/**
 * Told of whole frames that have just been written, or, with none, of other news. They are to be read
 * before it returns, and it must not append anything: their memory is in use again then.
 */
export type NewsListener = (frames: readonly Buffer[]) => void;

/** What a reader needs of its log. */
export interface ReadableLog {
  readonly index: LogIndex;
  /** How many bytes readers may see, and the number of the last event in them. */
  readonly visible: number;
  readonly lastEventId: number;
  /** Nothing more will become visible. */
  readonly isAtEnd: boolean;
  /** The end, where it could not be written. */
  readonly unwrittenEnd: { type: LoggedEventType; data: string } | null;
  /** Calls once, in the tick of the next news. */
  readonly listeners: Set<NewsListener>;
  /** Reads from a place on as much as is visible and fits in. */
  read(into: Buffer, position: number): Promise<number>;
  /** No reader any more. */
  leave(): void;
}

/** Reads one log from an event on. Its batches lie in memory that is used again. */
export class FileLogReader implements RunLogReader {
  /** Where the next batch begins; null until that is known. */
  private position: number | null;
  private hasUnwrittenEnd = false;
  /** The last byte of a batch that has ended in the middle of an event; null if none has. */
  private partEnd: number | null = null;
  private isOpen = true;
  /** How much is read at once: a batch, or as much as the last event took that was longer. */
  private expectedBytes = BATCH_BYTES;
  /** The memory of the last batch. */
  private held: Buffer | null = null;

  constructor(
    private readonly log: ReadableLog,
    private readonly after: number,
  ) {
    this.position = after === 0 ? 0 : null;
  }

  get isBetweenEvents(): boolean {
    return this.partEnd === null;
  }

  async next(signal: AbortSignal): Promise<Buffer | null> {
    if (this.held !== null) bufferPool.give(this.held);
    this.held = null;
    this.position ??= await this.placeBehind(this.after);
    for (;;) {
      signal.throwIfAborted();
      if (this.hasUnwrittenEnd) return null;
      if (this.position < this.log.visible) {
        const batch = await (this.partEnd === null
          ? this.readFrames(this.position)
          : this.readPart(this.position, this.partEnd));
        this.position += batch.length;
        return batch;
      }
      if (this.log.isAtEnd) {
        const end = this.log.unwrittenEnd;
        if (end === null) return null;
        this.hasUnwrittenEnd = true;
        return Buffer.from(eventFrame(null, end.type, end.data));
      }
      const batch = await this.news(signal);
      if (batch === null) continue;
      this.position += batch.length;
      return batch;
    }
  }

  async lastReadId(): Promise<number> {
    if (this.position === null) return this.after;
    if (this.position >= this.log.visible) return this.log.lastEventId;
    const next = await this.idAt(this.position);
    return next === null ? this.log.lastEventId : next - 1;
  }

  close(): void {
    // The memory of the last batch goes to nobody: it may be on its way still.
    if (this.isOpen) this.log.leave();
    this.isOpen = false;
  }

  /**
   * Waits for news. What is written while it waits it gets as it is written, as far as that fits into a
   * batch, and need not read it from the file; the rest it reads.
   */
  private news(signal: AbortSignal): Promise<Buffer | null> {
    return new Promise((resolve) => {
      const { listeners } = this.log;
      const leave = () => {
        signal.removeEventListener('abort', stop);
        listeners.delete(listener);
      };
      const stop = () => {
        leave();
        resolve(null);
      };
      const listener: NewsListener = (frames) => {
        leave();
        // Where there is no memory for it, that is the matter of this reader alone.
        resolve(new Promise((settle) => settle(this.copyOf(frames))));
      };
      listeners.add(listener);
      signal.addEventListener('abort', stop);
    });
  }

  /** A batch of frames that are written over afterwards; null for what is to be read from the file. */
  private copyOf(frames: readonly Buffer[]): Buffer | null {
    const bytes = frames.reduce((sum, { length }) => sum + length, 0);
    if (bytes === 0 || bytes > MAX_HELD_BYTES) return null;
    const memory = this.hold(bytes);
    let at = 0;
    for (const part of frames) at += part.copy(memory, at);
    return firstFrames(memory.subarray(0, at))!;
  }

  /** Where the event behind `after` begins, or will begin. */
  private async placeBehind(after: number): Promise<number> {
    const { log } = this;
    if (after >= log.lastEventId) return log.visible;
    const { id, offset } = log.index.before(after + 1, log.visible);
    const found = await this.find(after + 1, id, offset);
    // An index that is wrong is passed over.
    return found ?? (await this.find(after + 1, 1, 0)) ?? log.visible;
  }

  private async find(wanted: number, id: number, offset: number): Promise<number | null> {
    if ((await this.idAt(offset)) !== id) return null;
    const frames = new FrameCounter(id);
    const memory = bufferPool.take(BATCH_BYTES);
    try {
      for (let position = offset; position < this.log.visible;) {
        const piece = memory.subarray(0, await this.log.read(memory, position));
        const at = frames.find(wanted, piece);
        if (at !== null) return position + at;
        position += piece.length;
      }
      return null;
    } finally {
      bufferPool.give(memory);
    }
  }

  private async idAt(position: number): Promise<number | null> {
    const head = Buffer.alloc(MAX_ID_LINE_BYTES);
    return idOfFrame(head.subarray(0, await this.log.read(head, position)));
  }

  /** Whole frames: as many as fit into a batch, or one, or the first part of a long one. */
  private async readFrames(position: number): Promise<Buffer> {
    let memory = this.hold(Math.min(this.expectedBytes, this.log.visible - position));
    let filled = await this.log.read(memory.subarray(0, this.expectedBytes), position);
    if (idOfFrame(memory.subarray(0, filled)) === null) {
      throw new Error(
        'a run log was changed by somebody else: an event does not begin with its id',
      );
    }
    let batch = firstFrames(memory.subarray(0, filled));
    while (batch === null) {
      if (filled >= MAX_HELD_BYTES) return this.partOf(memory.subarray(0, filled));
      if (filled === memory.length) memory = this.growHeld(filled);
      const before = filled;
      const room = memory.subarray(before, MAX_HELD_BYTES);
      filled += await this.log.read(room, position + before);
      // The end may lie across what was read before and what was read now.
      batch = upTo(memory.subarray(0, filled).indexOf(FRAME_END, Math.max(before - 1, 0)), memory);
    }
    // Who writes long lines writes more of them.
    this.expectedBytes = Math.max(BATCH_BYTES, batch.length + MAX_ID_LINE_BYTES);
    return batch;
  }

  /** The next part of an event whose last part ended with the byte `before`. */
  private async readPart(position: number, before: number): Promise<Buffer> {
    const memory = this.hold(Math.min(MAX_HELD_BYTES, this.log.visible - position));
    const filled = await this.log.read(memory.subarray(0, MAX_HELD_BYTES), position);
    const part = memory.subarray(0, filled);
    const isEndAcross = before === LF && part[0] === LF;
    const last = isEndAcross ? part.subarray(0, 1) : upTo(part.indexOf(FRAME_END), part);
    if (last === null) return this.partOf(part);
    this.partEnd = null;
    return last;
  }

  private partOf(part: Buffer): Buffer {
    this.partEnd = part.at(-1)!;
    return part;
  }

  private growHeld(filled: number): Buffer {
    const memory = bufferPool.take(2 * filled);
    this.held!.copy(memory, 0, 0, filled);
    bufferPool.give(this.held!);
    this.held = memory;
    return memory;
  }

  private hold(bytes: number): Buffer {
    this.held = bufferPool.take(bytes);
    return this.held;
  }
}

/** Of the whole frames in some bytes as many as fit into a batch, or one; null if there is none. */
function firstFrames(bytes: Buffer): Buffer | null {
  const end = bytes.lastIndexOf(FRAME_END, BATCH_BYTES - FRAME_END.length);
  return upTo(end < 0 ? bytes.indexOf(FRAME_END, BATCH_BYTES - 1) : end, bytes);
}

function upTo(frameEnd: number, bytes: Buffer): Buffer | null {
  return frameEnd < 0 ? null : bytes.subarray(0, frameEnd + FRAME_END.length);
}

import { closeSync, fdatasync, ftruncateSync, read, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { Limiter } from '../common/limiter.js';
import { eventFrame, type LoggedEventType } from './event-frame.js';
import { FileLogReader, type NewsListener, type ReadableLog } from './file-log-reader.js';
import { type FrameBuffer, type FrameOwner, NumberedHead } from './frame-buffer.js';
import { FRAME_END } from './log-frames.js';
import type { LogIndex } from './log-index.js';
import type { RunLog, RunLogReader } from './run-log.js';

const readAsync = promisify(read);
const syncAsync = promisify(fdatasync);

/**
 * A sync may take long, and holds one of the four threads that every read of a file needs: some are
 * left for the followers and starts of other runs.
 */
const syncs = new Limiter(2);

/** What a log begins with: nothing for a new one, and what is on the disk for any other. */
export interface FileRunLogState {
  /** Opens the file; called when there is something to write or to read. */
  open: () => number;
  index: LogIndex;
  size: number;
  lastEventId: number;
  /** It has its last event: it is only read. */
  ended: boolean;
  /** Where events wait before they are written, and how many bytes of them may. */
  frames: FrameBuffer;
  bufferBytes: number;
  /** Called when the first writer or reader comes, and when the last one goes. */
  onUse: () => void;
  onUnused: () => void;
}

/**
 * One log in one file. Writes are synchronous: they go to the page cache and cost less than a turn of
 * the thread pool, and what a reader is shown has been written, whatever happens to the server.
 */
export class FileRunLog implements RunLog, ReadableLog, FrameOwner {
  onBroken: ((cause: unknown) => void) | null = null;
  lastEventId: number;
  size: number;
  visible: number;
  /** The end, without an id, where it could not be written. */
  unwrittenEnd: { type: LoggedEventType; data: string } | null = null;
  readonly listeners = new Set<NewsListener>();

  private fd: number | null = null;
  /** The writer, and every reader. */
  private users = 0;
  private flushScheduled = false;
  /** A write has failed: nothing but the end is still of use. */
  private broken = false;
  /** The end is decided: nothing comes behind it. */
  private sealed: boolean;
  /** Beyond `size` the file may hold a part of a frame, which has to be cut off first. */
  private ragged = false;

  /** The number of the last event that is in the file or waits for it. */
  private lastId: number;
  private ended: boolean;

  constructor(private readonly state: FileRunLogState) {
    this.size = this.visible = state.size;
    this.lastEventId = this.lastId = state.lastEventId;
    this.ended = this.sealed = state.ended;
    if (!state.ended) this.join();
  }

  prepare(): void {
    this.fd ??= this.state.open();
  }

  append(type: LoggedEventType, data: string): void {
    this.appendLines(type, Buffer.from(data));
  }

  appendLines(type: LoggedEventType, block: Buffer): void {
    if (this.broken || this.sealed) return;
    const { frames } = this.state;
    const head = new NumberedHead(this.lastId + 1, type);
    for (let from = 0; from <= block.length && !this.broken;) {
      frames.claim(this);
      const before = frames.count;
      from = frames.addLines(head, block, from);
      this.lastId += frames.count - before;
      if (from > block.length) break;
      if (frames.count > 0) {
        this.flush();
        continue;
      }
      const lineFeed = block.indexOf('\n', from);
      const end = lineFeed < 0 ? block.length : lineFeed;
      this.writeThrough([head.bytes, block.subarray(from, end), FRAME_END]);
      head.increment();
      from = end + 1;
    }
    this.flushInTime();
  }

  flush(): void {
    const { frames } = this.state;
    if (!frames.isOf(this)) return;
    const { waiting, count } = frames;
    frames.clear();
    if (count > 0) this.writeAndShow(this.lastId - count + 1, [waiting]);
  }

  async seal(type: LoggedEventType, data: string): Promise<number | null> {
    this.flush();
    this.sealed = true;
    this.unwrittenEnd = { type, data };
    if (!(await this.writeEnd())) return null;
    this.unwrittenEnd = null;
    return this.lastId;
  }

  publishEnd(): void {
    this.ended = true;
    this.publish([]);
    // An end that is still to be written needs the file.
    if (this.unwrittenEnd === null) this.leave();
  }

  abandon(): void {
    this.flush();
    this.leave();
  }

  async writeEndAgain(): Promise<boolean> {
    if (this.unwrittenEnd === null) return true;
    if (!(await this.writeEnd())) return false;
    // In one tick: a reader that comes during the sync must find the one end or the other.
    this.unwrittenEnd = null;
    this.publish([]);
    return true;
  }

  reader(after: number): RunLogReader {
    this.join();
    return new FileLogReader(this, after);
  }

  get index(): LogIndex {
    return this.state.index;
  }

  get isAtEnd(): boolean {
    // An end that is being written again is news that is still to come.
    return this.ended && this.visible === this.size;
  }

  async read(into: Buffer, position: number): Promise<number> {
    this.fd ??= this.state.open();
    const length = Math.min(into.length, this.visible - position);
    const { bytesRead } = await readAsync(this.fd, into, 0, length, position);
    if (bytesRead === 0) throw new Error('a run log is shorter than what was written to it');
    return bytesRead;
  }

  leave(): void {
    this.users -= 1;
    if (this.users > 0) return;
    if (this.fd !== null) closeSync(this.fd);
    this.fd = null;
    this.state.onUnused();
  }

  private join(): void {
    if (this.users === 0) this.state.onUse();
    this.users += 1;
  }

  private flushInTime(): void {
    const { frames, bufferBytes } = this.state;
    if (!frames.isOf(this)) return;
    if (frames.waiting.length >= bufferBytes) {
      this.flush();
    } else if (!this.flushScheduled) {
      this.flushScheduled = true;
      setImmediate(() => {
        this.flushScheduled = false;
        this.flush();
      });
    }
  }

  /** Writes the frame of the next event, which is too long to wait. */
  private writeThrough(frame: readonly Buffer[]): void {
    this.lastId += 1;
    this.writeAndShow(this.lastId, frame);
  }

  private writeAndShow(firstId: number, frames: readonly Buffer[]): void {
    const failure = this.write(firstId, frames);
    this.publish(failure === null ? frames : []);
    if (failure !== null) this.tellBroken(failure.cause);
  }

  private async writeEnd(): Promise<boolean> {
    const { type, data } = this.unwrittenEnd!;
    const id = this.lastId + 1;
    const failure = this.write(id, [Buffer.from(eventFrame(id, type, data))]);
    if (failure !== null) {
      this.tellBroken(failure.cause);
      return false;
    }
    this.lastId = id;
    // What the page cache has is shown to nobody's surprise; a disk that cannot be synced is its own news.
    const fd = this.fd!;
    await syncs.run(() => syncAsync(fd)).catch((cause: unknown) => this.tellBroken(cause));
    return true;
  }

  /** Writes whole frames; of those that do not fit, what was written is taken back. */
  private write(firstId: number, frames: readonly Buffer[]): { cause: unknown } | null {
    let end = this.size;
    try {
      this.fd ??= this.state.open();
      if (this.ragged) ftruncateSync(this.fd, this.size);
      this.ragged = false;
      for (const bytes of frames) {
        for (let written = 0; written < bytes.length;) {
          const count = writeSync(this.fd, bytes, written, bytes.length - written, end);
          written += count;
          end += count;
        }
      }
    } catch (cause) {
      this.cutBack(firstId, Buffer.concat(frames).subarray(0, end - this.size));
      return { cause };
    }
    this.state.index.note(firstId, this.size);
    this.size = end;
    return null;
  }

  private tellBroken(cause: unknown): void {
    if (this.broken) return;
    this.broken = true;
    this.onBroken?.(cause);
  }

  /** Keeps the whole frames of a write that has failed. */
  private cutBack(firstId: number, written: Buffer): void {
    const end = written.lastIndexOf(FRAME_END);
    const whole = written.subarray(0, end < 0 ? 0 : end + FRAME_END.length);
    let count = 0;
    for (let at = whole.indexOf(FRAME_END); at >= 0; at = whole.indexOf(FRAME_END, at + 2)) {
      count += 1;
    }
    this.lastId = firstId - 1 + count;
    this.size += whole.length;
    this.ragged = true;
    if (this.fd === null) return;
    try {
      ftruncateSync(this.fd, this.size);
      this.ragged = false;
    } catch {
      // Tried again before the next write; readers look no further than `size` anyhow.
    }
  }

  /** Shows readers all that is written; those who wait get what was written just now. */
  private publish(frames: readonly Buffer[]): void {
    this.visible = this.size;
    this.lastEventId = this.lastId;
    for (const listener of [...this.listeners]) listener(frames);
  }
}

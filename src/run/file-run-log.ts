import { closeSync, fdatasync, ftruncateSync, read, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { Limiter } from '../common/limiter.js';
import { eventFrame, type LoggedEventType } from './event-frame.js';
import { FRAME_END, FrameCounter, idOfFrame, MAX_ID_LINE_BYTES } from './log-frames.js';
import type { LogIndex } from './log-index.js';
import type { RunLog, RunLogReader } from './run-log.js';

const readAsync = promisify(read);
const syncAsync = promisify(fdatasync);

/**
 * A sync may take long, and holds one of the four threads that every read of a file needs: some are
 * left for the followers and starts of other runs.
 */
const syncs = new Limiter(2);

/** What a reader holds in memory at most, unless one event alone is longer. */
const BATCH_BYTES = 256 * 1024;

/** What a log begins with: nothing for a new one, and what is on the disk for any other. */
export interface FileRunLogState {
  /** Opens the file; called when there is something to write or to read. */
  open: () => number;
  index: LogIndex;
  size: number;
  lastEventId: number;
  /** It has its last event: it is only read. */
  ended: boolean;
  bufferBytes: number;
  /** Called when the first writer or reader comes, and when the last one goes. */
  onUse: () => void;
  onUnused: () => void;
}

/**
 * One log in one file. Writes are synchronous: they go to the page cache and cost less than a turn of
 * the thread pool, and what a reader is shown has been written, whatever happens to the server.
 */
export class FileRunLog implements RunLog {
  onBroken: ((cause: unknown) => void) | null = null;
  lastEventId: number;
  size: number;

  private fd: number | null = null;
  /** The writer, and every reader. */
  private users = 0;
  private waiting: string[] = [];
  private waitingBytes = 0;
  private flushScheduled = false;
  /** A write has failed: nothing but the end is still of use. */
  private broken = false;
  /** The end is decided: nothing comes behind it. */
  private sealed: boolean;
  /** Beyond `size` the file may hold a part of a frame, which has to be cut off first. */
  private ragged = false;

  /** The number of the last event that is in the file or waits for it, and how far readers may see. */
  private lastId: number;
  private visible: number;
  private ended: boolean;
  /** The end, without an id, where it could not be written. */
  private unwrittenEnd: { type: LoggedEventType; data: string } | null = null;
  /** What was written last: a reader that keeps up needs no read from the file. */
  private tail: { at: number; bytes: Buffer } = { at: 0, bytes: Buffer.alloc(0) };
  private readonly wakers = new Set<() => void>();

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
    if (this.broken || this.sealed) return;
    this.lastId += 1;
    const frame = eventFrame(this.lastId, type, data);
    this.waiting.push(frame);
    this.waitingBytes += frame.length;
    if (this.waitingBytes >= this.state.bufferBytes) {
      this.flush();
    } else if (!this.flushScheduled) {
      this.flushScheduled = true;
      setImmediate(() => {
        this.flushScheduled = false;
        this.flush();
      });
    }
  }

  flush(): void {
    if (this.waiting.length === 0) return;
    const bytes = Buffer.from(this.waiting.length === 1 ? this.waiting[0]! : this.waiting.join(''));
    const firstId = this.lastId - this.waiting.length + 1;
    this.waiting = [];
    this.waitingBytes = 0;
    this.write(firstId, bytes);
    this.publish();
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
    this.publish();
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
    this.publish();
    return true;
  }

  reader(after: number): RunLogReader {
    this.join();
    let position: number | null = after === 0 ? 0 : null;
    let hasUnwrittenEnd = false;
    let open = true;
    return {
      next: async (signal) => {
        position ??= await this.placeBehind(after);
        for (;;) {
          signal.throwIfAborted();
          if (hasUnwrittenEnd) return null;
          if (position < this.visible) {
            const batch = await this.readFrames(position);
            position += batch.length;
            return batch;
          }
          // An end that is being written again is news that is still to come.
          if (this.ended && this.visible === this.size) {
            const end = this.unwrittenEnd;
            if (end === null) return null;
            hasUnwrittenEnd = true;
            return Buffer.from(eventFrame(null, end.type, end.data));
          }
          await this.news(signal);
        }
      },
      lastReadId: async () => {
        if (position === null) return after;
        if (position >= this.visible) return this.lastEventId;
        const next = idOfFrame(await this.read(position, MAX_ID_LINE_BYTES));
        return next === null ? this.lastEventId : next - 1;
      },
      close: () => {
        if (open) this.leave();
        open = false;
      },
    };
  }

  private async writeEnd(): Promise<boolean> {
    const { type, data } = this.unwrittenEnd!;
    const id = this.lastId + 1;
    if (!this.write(id, Buffer.from(eventFrame(id, type, data)))) return false;
    this.lastId = id;
    // What the page cache has is shown to nobody's surprise; a disk that cannot be synced is its own news.
    const fd = this.fd!;
    await syncs.run(() => syncAsync(fd)).catch((cause: unknown) => this.tellBroken(cause));
    return true;
  }

  /** Writes whole frames; of those that do not fit, what was written is taken back. */
  private write(firstId: number, bytes: Buffer): boolean {
    let written = 0;
    try {
      this.fd ??= this.state.open();
      if (this.ragged) ftruncateSync(this.fd, this.size);
      this.ragged = false;
      while (written < bytes.length) {
        written += writeSync(this.fd, bytes, written, bytes.length - written, this.size + written);
      }
    } catch (cause) {
      this.cutBack(firstId, bytes.subarray(0, written));
      this.tellBroken(cause);
      return false;
    }
    this.state.index.note(firstId, this.size);
    this.tail = { at: this.size, bytes: bytes.length <= BATCH_BYTES ? bytes : Buffer.alloc(0) };
    this.size += bytes.length;
    return true;
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

  private publish(): void {
    this.visible = this.size;
    this.lastEventId = this.lastId;
    for (const wake of this.wakers) wake();
    this.wakers.clear();
  }

  /** Where the event behind `after` begins, or will begin. */
  private async placeBehind(after: number): Promise<number> {
    if (after >= this.lastEventId) return this.visible;
    const { id, offset } = this.state.index.before(after + 1, this.visible);
    const found = await this.find(after + 1, id, offset);
    // An index that is wrong is passed over.
    return found ?? (await this.find(after + 1, 1, 0)) ?? this.visible;
  }

  private async find(wanted: number, id: number, offset: number): Promise<number | null> {
    if (idOfFrame(await this.read(offset, MAX_ID_LINE_BYTES)) !== id) return null;
    const frames = new FrameCounter(id);
    for (let position = offset; position < this.visible;) {
      const piece = await this.read(position, BATCH_BYTES);
      const at = frames.find(wanted, piece);
      if (at !== null) return position + at;
      position += piece.length;
    }
    return null;
  }

  /** Whole frames: as many as fit into a batch, or one. */
  private async readFrames(position: number): Promise<Buffer> {
    let batch = await this.read(position, BATCH_BYTES);
    let end = batch.lastIndexOf(FRAME_END);
    while (end < 0) {
      const more = await this.read(position + batch.length, Math.max(batch.length, BATCH_BYTES));
      // The end may lie across what was read before and what was read now.
      const from = Math.max(batch.length - 1, 0);
      batch = Buffer.concat([batch, more]);
      end = batch.indexOf(FRAME_END, from);
    }
    return batch.subarray(0, end + FRAME_END.length);
  }

  private async read(position: number, most: number): Promise<Buffer> {
    const { at, bytes } = this.tail;
    if (position >= at && position < at + bytes.length) {
      return bytes.subarray(position - at, position - at + most);
    }
    this.fd ??= this.state.open();
    const length = Math.min(most, this.visible - position);
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await readAsync(this.fd, buffer, 0, length, position);
    if (bytesRead === 0) throw new Error('a run log is shorter than what was written to it');
    return buffer.subarray(0, bytesRead);
  }

  private news(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        this.wakers.delete(wake);
        resolve();
      };
      this.wakers.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  private join(): void {
    if (this.users === 0) this.state.onUse();
    this.users += 1;
  }

  private leave(): void {
    this.users -= 1;
    if (this.users > 0) return;
    if (this.fd !== null) closeSync(this.fd);
    this.fd = null;
    this.state.onUnused();
  }
}

import { closeSync, constants, mkdirSync, openSync, read, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errnoOf } from '../common/errors.js';
import { eventFrame, type LoggedEventType } from './event-frame.js';
import type { RunLog, RunLogReader, RunLogs } from './run-log.js';

const readAsync = promisify(read);

/** The most that a reader holds in memory. */
const PIECE_BYTES = 256 * 1024;

/**
 * Logs in files without a name: made, opened and unlinked at once, so that a log lives exactly as long
 * as its run and its readers, and no crash leaves one behind.
 */
export class FileRunLogs implements RunLogs {
  /** @param bufferBytes how much of a run's output may wait in memory before it is written */
  constructor(
    private readonly folder: string,
    private readonly bufferBytes: number,
  ) {}

  create(runId: string): RunLog {
    return new FileRunLog(join(this.folder, `${runId}.log`), this.bufferBytes);
  }
}

/** See `FileRunLogs`. Writes are synchronous: they go to the page cache and cost less than a thread. */
export class FileRunLog implements RunLog {
  lastEventId = 0;
  onBroken: ((cause: unknown) => void) | null = null;

  private fd: number | null = null;
  private users = 1;
  private waiting: string[] = [];
  private waitingBytes = 0;
  private flushScheduled = false;
  private broken = false;

  /** Bytes in the file, and how many of them readers may see. */
  private size = 0;
  private visible = 0;
  private ended = false;
  /** The last event, where it could not be written. */
  private unwrittenEnd: Buffer | null = null;
  /** What was written last: a reader that keeps up needs no read from the file. */
  private tail: { at: number; bytes: Buffer } = { at: 0, bytes: Buffer.alloc(0) };
  private readonly wakers = new Set<() => void>();

  constructor(
    private readonly path: string,
    private readonly bufferBytes: number,
  ) {}

  append(type: LoggedEventType, data: string): void {
    if (this.broken) return;
    this.lastEventId += 1;
    const frame = eventFrame(this.lastEventId, type, data);
    this.waiting.push(frame);
    this.waitingBytes += frame.length;
    if (this.waitingBytes >= this.bufferBytes) {
      this.flush();
    } else if (!this.flushScheduled) {
      this.flushScheduled = true;
      setImmediate(() => {
        this.flushScheduled = false;
        this.flush();
      });
    }
  }

  seal(type: LoggedEventType, data: string): void {
    this.flush();
    const id = this.lastEventId + 1;
    if (!this.broken) this.write(Buffer.from(eventFrame(id, type, data)));
    if (this.broken) this.unwrittenEnd = Buffer.from(eventFrame(null, type, data));
    else this.lastEventId = id;
  }

  publishEnd(): void {
    this.ended = true;
    this.publish();
    this.leave();
  }

  reader(): RunLogReader {
    this.users += 1;
    let position = 0;
    let open = true;
    return {
      next: async (signal) => {
        for (;;) {
          signal.throwIfAborted();
          if (position < this.visible) {
            const piece = await this.read(position);
            position += piece.length;
            return piece;
          }
          if (this.ended) {
            const end = this.unwrittenEnd;
            if (end === null || position > this.visible) return null;
            position += end.length;
            return end;
          }
          await this.news(signal);
        }
      },
      close: () => {
        if (open) this.leave();
        open = false;
      },
    };
  }

  private flush(): void {
    if (this.waiting.length === 0 || this.broken) return;
    const bytes = Buffer.from(this.waiting.length === 1 ? this.waiting[0]! : this.waiting.join(''));
    this.waiting = [];
    this.waitingBytes = 0;
    this.write(bytes);
    this.publish();
  }

  private write(bytes: Buffer): void {
    try {
      this.fd ??= openUnnamed(this.path);
      for (let written = 0; written < bytes.length;) {
        written += writeSync(this.fd, bytes, written, bytes.length - written, this.size + written);
      }
      this.tail = { at: this.size, bytes: bytes.length <= PIECE_BYTES ? bytes : Buffer.alloc(0) };
      this.size += bytes.length;
    } catch (cause) {
      // What was written of these bytes stays beyond `size`, where no reader looks.
      this.broken = true;
      this.onBroken?.(cause);
    }
  }

  private publish(): void {
    this.visible = this.size;
    for (const wake of this.wakers) wake();
    this.wakers.clear();
  }

  private async read(position: number): Promise<Buffer> {
    const { at, bytes } = this.tail;
    if (position >= at && position < at + bytes.length) return bytes.subarray(position - at);
    const length = Math.min(PIECE_BYTES, this.visible - position);
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await readAsync(this.fd!, buffer, 0, length, position);
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

  private leave(): void {
    this.users -= 1;
    if (this.users === 0 && this.fd !== null) {
      closeSync(this.fd);
      this.fd = null;
    }
  }
}

function openUnnamed(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  let fd: number;
  try {
    fd = openSync(path, flags, 0o600);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
    fd = openSync(path, flags, 0o600);
  }
  unlinkSync(path);
  return fd;
}

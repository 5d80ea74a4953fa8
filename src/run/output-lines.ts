import { bufferPool } from '../common/buffer-pool.js';
import { wholeCharacters } from '../common/cut-text.js';

const LF = 0x0a;
const CR = 0x0d;
const NOTHING = Buffer.alloc(0);

/** Receives what an agent wrote, in order. */
export interface LineSink {
  /**
   * Lines without their ends, as bytes with an LF between two; some may be empty. The bytes are to be
   * read before this returns: they may be written over then.
   * @param isCut the last of them lacks its end: it was cut, or the pipe ended in it
   */
  lines(block: Buffer, isCut: boolean): void;
  /** The line before was cut; so many of its bytes were left out. */
  cut(leftOutBytes: number): void;
}

/**
 * Splits one pipe of an agent into lines that end at LF only (a CR before it belongs to the end). Costs
 * linear time in the bytes, whatever the chunks, and holds at most one line of `maxLineBytes`, in memory of
 * up to twice as many bytes.
 */
export class OutputLines {
  /** The beginning of a line whose end has not come yet. */
  private pending: Buffer = NOTHING;
  private pendingBytes = 0;
  /** How long the last such line became: who writes long lines writes more of them. */
  private expectedBytes = 0;
  private leftOutBytes = 0;
  private hasEnded = false;
  /** The last byte of that line so far, which may be left out itself. */
  private lastByte = 0;

  constructor(
    private readonly maxLineBytes: number,
    private readonly sink: LineSink,
  ) {}

  push(chunk: Buffer): void {
    let start = 0;
    if (this.pendingBytes > 0) {
      const end = chunk.indexOf(LF);
      this.hold(end < 0 ? chunk : chunk.subarray(0, end));
      if (end < 0) return;
      this.emitPending();
      start = end + 1;
    }
    const last = chunk.lastIndexOf(LF);
    if (last >= start) this.emitWholeLines(chunk.subarray(start, last));
    this.hold(chunk.subarray(Math.max(start, last + 1)));
  }

  /** The pipe has ended: a last line without LF counts. */
  end(): void {
    this.hasEnded = true;
    if (this.pendingBytes > 0) this.emitPending();
  }

  /** Lines that came whole in one chunk: mostly none of them can be too long, and they go on in one go. */
  private emitWholeLines(block: Buffer): void {
    if (block.length <= this.maxLineBytes) {
      this.sink.lines(block.includes(CR) ? withoutCrOfEnds(block) : block, false);
      return;
    }
    for (const part of splitAtLf(block)) {
      const line = part.at(-1) === CR ? part.subarray(0, -1) : part;
      this.emit(line.subarray(0, this.maxLineBytes), Math.max(0, line.length - this.maxLineBytes));
    }
  }

  private hold(bytes: Buffer): void {
    this.lastByte = bytes.at(-1) ?? this.lastByte;
    const room = this.maxLineBytes - this.pendingBytes;
    const kept = bytes.length > room ? bytes.subarray(0, room) : bytes;
    this.leftOutBytes += bytes.length - kept.length;
    const needed = this.pendingBytes + kept.length;
    if (needed > this.pending.length) {
      // The pool doubles it: a line that comes in many chunks is copied but a few times.
      const grown = bufferPool.take(Math.max(needed, this.expectedBytes));
      this.pending.copy(grown, 0, 0, this.pendingBytes);
      this.release();
      this.pending = grown;
    }
    kept.copy(this.pending, this.pendingBytes);
    this.pendingBytes = needed;
  }

  private emitPending(): void {
    let end = this.pendingBytes;
    let leftOut = this.leftOutBytes;
    if (this.lastByte === CR) {
      if (leftOut > 0) leftOut -= 1;
      else end -= 1;
    }
    this.emit(this.pending.subarray(0, end), leftOut);
    this.release();
    this.expectedBytes = this.pendingBytes;
    this.pendingBytes = 0;
    this.leftOutBytes = 0;
  }

  private release(): void {
    if (this.pending !== NOTHING) bufferPool.give(this.pending);
    this.pending = NOTHING;
  }

  /** @param bytes a line without its end, as far as the limit, beyond which `leftOutBytes` were left out */
  private emit(bytes: Buffer, leftOutBytes: number): void {
    const end = leftOutBytes > 0 ? wholeCharacters(bytes, bytes.length) : bytes.length;
    const cut = leftOutBytes + bytes.length - end;
    if (end > 0) this.sink.lines(bytes.subarray(0, end), cut > 0 || this.hasEnded);
    if (cut > 0) this.sink.cut(cut);
  }
}

/** Takes away the CR before each LF, and before the one that the block lacks. */
function withoutCrOfEnds(block: Buffer): Buffer {
  const text = block.toString('latin1').replaceAll('\r\n', '\n');
  return Buffer.from(text.endsWith('\r') ? text.slice(0, -1) : text, 'latin1');
}

function* splitAtLf(block: Buffer): Generator<Buffer> {
  let start = 0;
  for (;;) {
    const end = block.indexOf(LF, start);
    yield block.subarray(start, end < 0 ? block.length : end);
    if (end < 0) return;
    start = end + 1;
  }
}

const SMALLEST_BYTES = 4096;
/** How much unused memory is kept at most. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
/** How long unused memory is kept when nobody asks for any, in milliseconds. */
const KEPT_MS = 5000;

/**
 * Memory that is used again. The system takes longer to provide new memory than to fill it: it maps and
 * clears every page of it at the first touch.
 */
export class BufferPool {
  /** Unused buffers by their size, which is a power of two. */
  private readonly unused = new Map<number, Buffer[]>();
  private keptBytes = 0;
  private sweep: NodeJS.Timeout | null = null;

  /** A buffer of at least so many bytes, with whatever was in it before. */
  take(bytes: number): Buffer {
    const size = Math.max(SMALLEST_BYTES, 2 ** Math.ceil(Math.log2(bytes)));
    const buffer = this.unused.get(size)?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size);
    this.keptBytes -= size;
    return buffer;
  }

  /**
   * Takes back a whole buffer that came from `take`, to hand it to somebody else. One that is never given
   * back is only lost to the pool.
   */
  give(buffer: Buffer): void {
    if (this.keptBytes + buffer.length > MAX_KEPT_BYTES) return;
    this.keptBytes += buffer.length;
    const others = this.unused.get(buffer.length);
    if (others === undefined) this.unused.set(buffer.length, [buffer]);
    else others.push(buffer);
    if (this.sweep === null) this.sweep = setTimeout(() => this.clear(), KEPT_MS).unref();
    else this.sweep.refresh();
  }

  private clear(): void {
    this.unused.clear();
    this.keptBytes = 0;
    this.sweep = null;
  }
}

/** The one of the process. */
export const bufferPool = new BufferPool();

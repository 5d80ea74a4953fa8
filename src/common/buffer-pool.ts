const SMALLEST_BYTES = 4096;
/** How much unused memory is kept at most. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
/** Memory that nobody has used for so long goes back to the system, in milliseconds. */
const KEPT_MS = 5000;

/** Unused buffers of one size. */
interface Shelf {
  buffers: Buffer[];
  /** The fewest that lay here since the last look: so many were not needed. */
  least: number;
}

/**
 * Memory that is used again. The system takes longer to provide new memory than to fill it: it maps and
 * clears every page of it at the first touch.
 */
export class BufferPool {
  private readonly shelves = new Map<number, Shelf>();
  private keptBytes = 0;
  private sweep: NodeJS.Timeout | null = null;

  /**
   * A buffer of at least so many bytes, with whatever was in it before. Its size is a power of two: who
   * asks for a little more again and again gets twice as much each time that it is needed.
   */
  take(bytes: number): Buffer {
    const size = Math.max(SMALLEST_BYTES, 2 ** Math.ceil(Math.log2(bytes)));
    const shelf = this.shelves.get(size);
    const buffer = shelf?.buffers.pop();
    if (shelf === undefined || buffer === undefined) return Buffer.allocUnsafeSlow(size);
    this.keptBytes -= size;
    shelf.least = Math.min(shelf.least, shelf.buffers.length);
    return buffer;
  }

  /**
   * Takes back a whole buffer that came from `take`, once, to hand it to somebody else. One that is never
   * given back is only lost to the pool.
   */
  give(buffer: Buffer): void {
    const shelf = this.shelfOf(buffer.length);
    if (buffer.length !== buffer.buffer.byteLength || shelf.buffers.includes(buffer)) {
      throw new Error('a buffer was given back in part, or twice: two would write over each other');
    }
    if (this.keptBytes + buffer.length > MAX_KEPT_BYTES) return;
    this.keptBytes += buffer.length;
    shelf.buffers.push(buffer);
    this.sweep ??= setInterval(() => this.letGo(), KEPT_MS).unref();
  }

  private shelfOf(size: number): Shelf {
    let shelf = this.shelves.get(size);
    if (shelf === undefined) this.shelves.set(size, (shelf = { buffers: [], least: 0 }));
    return shelf;
  }

  private letGo(): void {
    for (const [size, shelf] of this.shelves) {
      this.keptBytes -= size * shelf.buffers.splice(0, shelf.least).length;
      shelf.least = shelf.buffers.length;
    }
    if (this.keptBytes > 0 || this.sweep === null) return;
    clearInterval(this.sweep);
    this.sweep = null;
  }
}

/** The one of the process. */
export const bufferPool = new BufferPool();

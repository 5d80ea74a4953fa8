import { archiveFault, archiveTooLarge } from './archive-fault.js';

const BLOCK = 512;
const SIZE_AT = 124;
const SIZE_BYTES = 12;
const TYPE_AT = 156;
/** The most bytes of a header that goes before another one: it is read into memory. */
const MAX_LONG_BYTES: Readonly<Record<string, number>> = {
  // Of PAX, for one entry and for all that follow; each that stands for all costs with every entry.
  x: 64 * 1024,
  g: 4096,
  // The long names of GNU.
  L: 4096,
  K: 4096,
  N: 4096,
};

/**
 * Stands before the reader of the archive and looks at its headers alone. It bounds what the reader, which
 * takes up to 4 MiB of a header and any number of them, would keep in memory or walk through again and
 * again, and it wants an archive that ends where it says.
 */
export class HeaderGuard {
  /** The sizes of the entries that have passed, as their own headers have them. */
  private readonly sizes: number[] = [];
  private readonly header = Buffer.alloc(BLOCK);
  private filled = 0;
  /** Bytes of the entry under way that are still to come, with what fills up its last block. */
  private left = 0;
  private longHeaders = 0;
  private hasEnded = false;

  /** @param maxHeaders entries, and headers that go before them */
  constructor(private readonly maxHeaders: number) {}

  /** Passes an archive on. @throws {RunnerError} `package_invalid`, `package_too_large` */
  async *watch(archive: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of archive) {
      this.look(chunk);
      yield chunk;
    }
    if (!this.hasEnded) throw archiveFault('it ends before the mark of its end');
  }

  /**
   * What the next entry's own header says of its size. Where the reader has found another one, in a header
   * before it, the archive is refused: both have to mean the same bytes.
   */
  takeSize(): number | undefined {
    return this.sizes.shift();
  }

  private look(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.left > 0) {
        const passed = Math.min(this.left, chunk.length - at);
        this.left -= passed;
        at += passed;
        continue;
      }
      const copied = chunk.copy(this.header, this.filled, at, at + BLOCK - this.filled);
      this.filled += copied;
      at += copied;
      if (this.filled < BLOCK) return;
      this.filled = 0;
      this.lookAtHeader();
    }
  }

  private lookAtHeader(): void {
    const isEmpty = this.header.every((byte) => byte === 0);
    if (this.hasEnded && !isEmpty) throw archiveFault('something follows the mark of its end');
    if (isEmpty) {
      this.hasEnded = true;
      return;
    }
    // To the reader, one that holds nothing but a checksum is as good as empty.
    if (this.header[0] === 0) throw archiveFault('an entry has no name');
    const size = sizeIn(this.header);
    if (size === null) throw archiveFault('the size of an entry is no number');
    this.left = Math.ceil(size / BLOCK) * BLOCK;
    const most = MAX_LONG_BYTES[String.fromCharCode(this.header[TYPE_AT]!)];
    if (most === undefined) {
      this.sizes.push(size);
      return;
    }
    // The reader would take the next entry for the content of one that has none.
    if (size === 0) throw archiveFault('the header of an entry is empty');
    if (size > most) throw archiveFault('the header of an entry is too long');
    this.longHeaders += 1;
    if (this.longHeaders > 2 * this.maxHeaders) {
      throw archiveTooLarge('it has more headers than entries are allowed');
    }
  }
}

/** The size in a header: octal digits, or a binary number as GNU writes one; null for anything else. */
function sizeIn(header: Buffer): number | null {
  const field = header.subarray(SIZE_AT, SIZE_AT + SIZE_BYTES);
  if (field[0] === 0x80) {
    const size = field.readUIntBE(SIZE_BYTES - 6, 6);
    return field.subarray(1, SIZE_BYTES - 6).every((byte) => byte === 0) ? size : null;
  }
  const text = /^ *([0-7]+)[ \0]*$/.exec(field.toString('latin1'))?.[1];
  if (text !== undefined) return Number.parseInt(text, 8);
  return field.every((byte) => byte === 0 || byte === 0x20) ? 0 : null;
}

import { ByteScanner } from '../common/byte-scanner.js';

const LF = 0x0a;

/** Finds the lines that hold at least one of some texts, in one search for all of them. */
export class LinesWith {
  private readonly scanner: ByteScanner | null;

  /** @param texts ASCII; none means that every line is found */
  constructor(texts: readonly string[]) {
    this.scanner = texts.length === 0 ? null : new ByteScanner(texts.map((it) => Buffer.from(it)));
  }

  /** @param block lines with an LF between two */
  *in(block: Buffer): Generator<Buffer> {
    if (this.scanner === null) {
      yield* allLines(block);
      return;
    }
    const spans = this.scanner.find(block);
    let end = -1;
    for (let next = 0; next < spans.length; next += 2) {
      const at = spans[next]!;
      if (at < end) continue;
      const lineFeed = block.indexOf(LF, at);
      end = lineFeed < 0 ? block.length : lineFeed;
      yield block.subarray(block.lastIndexOf(LF, at) + 1, end);
    }
  }
}

function* allLines(block: Buffer): Generator<Buffer> {
  for (let begin = 0; begin <= block.length;) {
    const lineFeed = block.indexOf(LF, begin);
    const end = lineFeed < 0 ? block.length : lineFeed;
    yield block.subarray(begin, end);
    begin = end + 1;
  }
}

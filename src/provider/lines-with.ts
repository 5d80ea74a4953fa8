const LF = 0x0a;

/**
 * The lines of a block, with an LF between two, that hold at least one of some texts, in order; all lines
 * where there are no texts to look for.
 */
export function* linesWith(texts: readonly string[], block: Buffer): Generator<Buffer> {
  if (texts.length === 0) {
    yield* allLines(block);
    return;
  }
  const next = texts.map((text) => block.indexOf(text, 0, 'latin1'));
  for (;;) {
    const hits = next.filter((at) => at >= 0);
    if (hits.length === 0) return;
    const at = Math.min(...hits);
    const begin = block.lastIndexOf(LF, at) + 1;
    const lineFeed = block.indexOf(LF, at);
    const end = lineFeed < 0 ? block.length : lineFeed;
    yield block.subarray(begin, end);
    texts.forEach((text, i) => {
      if (next[i]! >= 0 && next[i]! < end) next[i] = block.indexOf(text, end, 'latin1');
    });
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

import fc from 'fast-check';
import { OutputLines } from './output-lines.js';

/** The lines of a block that are not empty, decoded; invalid UTF-8 has become U+FFFD. */
function textLines(block: Buffer): string[] {
  return block
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
}

function collect(maxLineBytes: number, chunks: Uint8Array[]) {
  const seen: (string | { leftOut: number })[] = [];
  const lines = new OutputLines(maxLineBytes, {
    lines: (block) => seen.push(...textLines(block)),
    cut: (leftOut) => seen.push({ leftOut }),
  });
  for (const chunk of chunks) lines.push(Buffer.from(chunk));
  lines.end();
  return seen;
}

/** What the contract says, for the whole output at once. */
function expected(output: Buffer, maxLineBytes: number) {
  const seen: (string | { leftOut: number })[] = [];
  let start = 0;
  while (start < output.length) {
    const end = output.indexOf(10, start);
    const line = output.subarray(start, end < 0 ? output.length : end);
    start = end < 0 ? output.length : end + 1;
    const text = line.at(-1) === 13 ? line.subarray(0, -1) : line;
    if (text.length > maxLineBytes) seen.push({ leftOut: text.length - maxLineBytes });
    else if (text.length > 0) seen.push(text.toString('utf8'));
  }
  return seen;
}

describe('OutputLines', () => {
  it('gives the same lines however the bytes are cut into chunks', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ...['\n', '\r', '\r\n', 'é', '€', '🙂', 'a', '{"b":1}'].map((it) => Buffer.from(it)),
      ),
      fc.uint8Array({ maxLength: 6 }).map((it) => Buffer.from(it)),
    );
    fc.assert(
      fc.property(
        fc.array(piece),
        fc.array(fc.nat(40)),
        fc.integer({ min: 4, max: 24 }),
        (pieces, cuts, max) => {
          const output = Buffer.concat(pieces);
          const places = [
            ...new Set([0, ...cuts.map((it) => Math.min(it, output.length)), output.length]),
          ].sort((a, b) => a - b);
          const chunks = places
            .slice(1)
            .map((place, index) => output.subarray(places[index], place));
          const seen = collect(max, chunks);
          // Where a line was cut only the sum is compared here: the text before it may end earlier.
          const simple = seen
            .filter((_, index) => typeof seen[index + 1] !== 'object')
            .map((it) => (typeof it === 'object' ? 'cut' : it));
          const wanted = expected(output, max).map((it) => (typeof it === 'object' ? 'cut' : it));
          expect(simple).toEqual(wanted);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('cuts at the limit, not inside a character, and counts every byte', () => {
    const line = Buffer.from(`${'a'.repeat(9)}€€\nnext`);
    expect(collect(10, [line])).toEqual(['a'.repeat(9), { leftOut: 6 }, 'next']);
    expect(
      collect(
        10,
        [...line].map((byte) => Uint8Array.of(byte)),
      ),
    ).toEqual(['a'.repeat(9), { leftOut: 6 }, 'next']);
    expect(collect(12, [line])).toEqual([`${'a'.repeat(9)}€`, { leftOut: 3 }, 'next']);
    expect(collect(10, [Buffer.from(`${'a'.repeat(10)}\n`)])).toEqual(['a'.repeat(10)]);
  });

  it('tells which lines lack their end: those that were cut, and the last of a pipe', () => {
    const seen: [string, boolean][] = [];
    const lines = new OutputLines(10, {
      lines: (block, isCut) => seen.push([block.toString(), isCut]),
      cut: () => undefined,
    });
    const chunks = ['whole\nalso ', 'whole\n', `${'a'.repeat(11)}\n`, 'b'.repeat(9), 'bb\nrest'];
    for (const chunk of chunks) lines.push(Buffer.from(chunk));
    lines.end();
    expect(seen).toEqual([
      ['whole', false],
      ['also whole', false],
      ['a'.repeat(10), true],
      ['b'.repeat(10), true],
      ['rest', true],
    ]);
  });

  it.each([
    ['all at once', (bytes: Buffer) => [bytes]],
    ['byte by byte', (bytes: Buffer) => [...bytes].map((byte) => Uint8Array.of(byte))],
  ])('takes a CR before the LF for the end of the line, also at the limit: %s', (_how, chunks) => {
    const seen = (text: string) => collect(10, chunks(Buffer.from(text)));
    const full = 'a'.repeat(10);
    expect(seen(`${full}\r\nnext\r\n`)).toEqual([full, 'next']);
    // Only one CR is part of the end.
    expect(seen(`${'a'.repeat(9)}\r\r\n`)).toEqual([`${'a'.repeat(9)}\r`]);
    expect(seen(`${full}\r\r\n`)).toEqual([full, { leftOut: 1 }]);
    expect(seen(`${full}bc\r\nnext`)).toEqual([full, { leftOut: 2 }, 'next']);
    expect(seen(`${full}\rb\nnext`)).toEqual([full, { leftOut: 2 }, 'next']);
    expect(seen('\r\n\r\n\r')).toEqual([]);
  });

  it('costs linear time for a long line in small pieces', () => {
    const bytes = 1 << 26;
    const pieces = Array.from({ length: bytes / 4096 }, () => Buffer.alloc(4096, 120));
    // Processor time: what else the machine does is no cost of ours.
    const cost = (work: () => void) => {
      const began = process.cpuUsage();
      work();
      const { user, system } = process.cpuUsage(began);
      return user + system;
    };
    const least = (work: () => void) => Math.min(...Array.from({ length: 3 }, () => cost(work)));
    const once = least(() => Buffer.concat(pieces));
    const split = least(() => {
      const lines = new OutputLines(bytes, {
        lines: (block) => void textLines(block),
        cut: () => undefined,
      });
      for (const piece of pieces) lines.push(piece);
      lines.end();
    });
    // Some 4 copies are made of it. Copying the line again with each piece would be thousands.
    expect(split / once).toBeLessThan(40);
  });
});

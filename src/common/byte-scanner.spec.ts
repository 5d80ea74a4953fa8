import fc from 'fast-check';
import { ByteScanner, type Spans } from './byte-scanner.js';

/** Few letters, so that patterns overlap, and occur at all. */
const bytes = (minLength: number, maxLength: number) =>
  fc
    .array(fc.constantFrom(0x61, 0x62, 0xff), { minLength, maxLength })
    .map((it) => Buffer.from(it));

/** Every place of every pattern, one byte after the other. */
function naive(patterns: readonly Buffer[], block: Buffer): Spans {
  const found: Spans = [];
  for (let end = 1; end <= block.length; end += 1) {
    for (const pattern of patterns) {
      const start = end - pattern.length;
      if (start >= 0 && block.subarray(start, end).equals(pattern)) found.push(start, end);
    }
  }
  return found;
}

/** In one order, whatever the order of those that end at the same place. */
function pairs(spans: Spans): string[] {
  return spans
    .flatMap((it, index) => (index % 2 === 0 ? [`${it}-${spans[index + 1]}`] : []))
    .sort();
}

describe('ByteScanner', () => {
  it('finds what a naive search finds, in the order of the ends', () => {
    fc.assert(
      fc.property(
        fc.array(bytes(2, 9), { maxLength: 6 }),
        bytes(0, 200),
        fc.array(fc.nat(5), { maxLength: 5 }),
        (patterns, text, picks) => {
          // Some patterns for certain, also at the very beginning and end.
          const planted = picks.map((it) => patterns[it] ?? Buffer.alloc(0));
          const block = Buffer.concat([...planted, text, ...planted.reverse()]);
          const found = new ByteScanner(patterns).find(block);
          const ends = found.filter((_, index) => index % 2 === 1);
          expect(ends).toEqual([...ends].sort((a, b) => a - b));
          expect(pairs(found)).toEqual(pairs(naive(patterns, block)));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('finds patterns of very different lengths, whatever their bytes are', () => {
    const all = Buffer.from(Array.from({ length: 2000 }, (_, index) => (index * 151 + 7) & 0xff));
    const patterns = [all.subarray(100, 108), all.subarray(90, 1500), all.subarray(1998)];
    const block = Buffer.concat([all, Buffer.from('between'), all]);
    expect(new ByteScanner(patterns).find(block)).toEqual(naive(patterns, block));
    expect(naive(patterns, block).length).toBeGreaterThan(4);
  });

  it('finds nothing where there is no pattern, and takes none of a single byte', () => {
    expect(new ByteScanner([]).find(Buffer.from('anything'))).toEqual([]);
    expect(() => new ByteScanner([Buffer.from('ab'), Buffer.from('a')])).toThrow(RangeError);
  });
});

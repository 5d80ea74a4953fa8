import fc from 'fast-check';
import { LinesWith } from './lines-with.js';

const found = (texts: readonly string[], block: string) =>
  [...new LinesWith(texts).in(Buffer.from(block))].map((line) => line.toString());

describe('lines with one of some texts', () => {
  it('are found once each, in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[ab"]{2,4}$/), { minLength: 1, maxLength: 3 }),
        fc.array(fc.stringMatching(/^[ab"xé]{0,12}$/), { maxLength: 8 }),
        (texts, lines) => {
          const telling = lines.filter((line) => texts.some((text) => line.includes(text)));
          expect(found(texts, lines.join('\n'))).toEqual(telling);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('are all lines where there is no text to look for', () => {
    expect(found([], 'a\nb\nc')).toEqual(['a', 'b', 'c']);
  });
});

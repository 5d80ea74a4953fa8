import fc from 'fast-check';
import { eventFrame } from './event-frame.js';
import { FrameCounter, idOfFrame } from './log-frames.js';

describe('the number of a frame', () => {
  it('is that of its first line', () => {
    expect(idOfFrame(Buffer.from(eventFrame(1, 'meta', '{}')))).toBe(1);
    expect(idOfFrame(Buffer.from(eventFrame(999_999_999_999_999, 'log', '')))).toBe(
      999_999_999_999_999,
    );
  });

  it.each(['', 'id: ', 'id: 1', 'id: x\n', 'event: log\ndata: id: 1\n\n', '\nid: 1\n', ' id: 1\n'])(
    'is not in %j',
    (text) => expect(idOfFrame(Buffer.from(text))).toBeNull(),
  );
});

describe('counting frames', () => {
  it('finds where an event begins, however the log is cut into pieces', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.array(fc.constantFrom('', 'a', 'é', 'id: 7', '\t'), { minLength: 1, maxLength: 6 }),
        fc.nat(7),
        fc.array(fc.nat(150)),
        (first, data, steps, cuts) => {
          const frames = data.map((text, index) =>
            Buffer.from(eventFrame(first + index, 'log', text)),
          );
          const log = Buffer.concat(frames);
          const begins = frames.map((_, index) => Buffer.concat(frames.slice(0, index)).length);
          // The event behind the last one begins where the log ends.
          const expected = [...begins, log.length][steps] ?? null;
          const inside = cuts.filter((cut) => cut < log.length);
          const places = [...new Set([0, ...inside, log.length])];
          places.sort((a, b) => a - b);
          const counter = new FrameCounter(first);
          let found: number | null = null;
          for (const [index, place] of places.slice(0, -1).entries()) {
            const at = counter.find(first + steps, log.subarray(place, places[index + 1]));
            if (at !== null) {
              found = place + at;
              break;
            }
          }
          expect(found).toBe(expected);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

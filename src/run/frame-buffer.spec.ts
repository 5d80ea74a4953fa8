import fc from 'fast-check';
import { eventFrame } from './event-frame.js';
import { FrameBuffer, NumberedHead } from './frame-buffer.js';

const line = fc.string({ unit: 'binary' }).map((it) => it.replaceAll('\n', '_'));
const lines = fc.array(line, { minLength: 1, maxLength: 30 });
const firstId = fc.oneof(fc.integer({ min: 1, max: 120 }), fc.integer({ min: 1 }));
const nobody = { flush: () => undefined };

describe('FrameBuffer', () => {
  it('frames lines as if each came alone, as many as have room', () => {
    fc.assert(
      fc.property(firstId, lines, fc.integer({ min: 1, max: 4000 }), (id, lines, capacity) => {
        const block = Buffer.from(lines.join('\n'));
        const buffer = new FrameBuffer(capacity);
        buffer.claim(nobody);
        const stopped = buffer.addLines(new NumberedHead(id, 'agent'), block, 0);
        const whole = lines.map((it, index) => eventFrame(id + index, 'agent', it));
        expect(buffer.waiting.toString()).toBe(whole.slice(0, buffer.count).join(''));
        // Where it stopped the next line begins, and that one had no room.
        const rest = lines.slice(buffer.count);
        expect(block.subarray(stopped).toString()).toBe(rest.join('\n'));
        expect(stopped > block.length).toBe(rest.length === 0);
        if (rest.length > 0) {
          const next = Buffer.byteLength(whole[buffer.count]!);
          expect(buffer.waiting.length + next).toBeGreaterThan(capacity);
        }
      }),
    );
  });

  it.each([9, 10, 99, 1000, 99_999])('counts past %d', (id) => {
    const lines = Array.from({ length: 1005 }, (_, index) => `line ${index}`);
    const buffer = new FrameBuffer(1 << 20);
    buffer.claim(nobody);
    buffer.addLines(new NumberedHead(id - 3, 'log'), Buffer.from(lines.join('\n')), 0);
    expect(buffer.waiting.toString()).toBe(
      lines.map((it, index) => eventFrame(id - 3 + index, 'log', it)).join(''),
    );
  });

  it('takes no event that has no room, and lets the one before it be written first', () => {
    const buffer = new FrameBuffer(64);
    let flushed = 0;
    const first = {
      flush: () => {
        flushed += 1;
        buffer.clear();
      },
    };
    const add = (id: number, text: string) => {
      const line = Buffer.from(text);
      return buffer.addLines(new NumberedHead(id, 'log'), line, 0) > line.length;
    };
    buffer.claim(first);
    expect(add(1, 'é')).toBe(true);
    expect(add(2, 'é'.repeat(30))).toBe(false);
    buffer.claim(first);
    expect([flushed, buffer.count]).toEqual([0, 1]);
    buffer.claim(nobody);
    expect([flushed, buffer.count, buffer.isOf(first)]).toEqual([1, 0, false]);
  });
});

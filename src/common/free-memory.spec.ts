import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import { freeMemory } from './free-memory.js';

describe('memory that is given back at once', () => {
  it('is gone from a chunk that has it for itself', async () => {
    const stream = createReadStream('/dev/zero', { highWaterMark: 64 * 1024 });
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    stream.destroy();
    const whole = Buffer.from(new ArrayBuffer(chunk.length));
    freeMemory(whole);
    expect(whole.length).toBe(0);
  });

  it('stays where others may have parts of it, or where there is little', () => {
    const poolSize = Buffer.poolSize;
    Buffer.poolSize = 64 * 1024;
    try {
      // Each slab is used up by the first few.
      for (let count = 0; count < 8; count += 1) {
        const part = Buffer.concat([Buffer.alloc(10_000, 'x')]);
        freeMemory(part);
        expect(part.toString()).toBe('x'.repeat(10_000));
      }
    } finally {
      Buffer.poolSize = poolSize;
    }
    const view = Buffer.from(new ArrayBuffer(100_000), 0, 50_000);
    freeMemory(view);
    expect(view.length).toBe(50_000);
    const small = Buffer.from(new ArrayBuffer(100));
    freeMemory(small);
    expect(small.length).toBe(100);
  });
});

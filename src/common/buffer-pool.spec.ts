import { BufferPool } from './buffer-pool.js';

describe('the pool of buffers', () => {
  let pool: BufferPool;
  beforeEach(() => (pool = new BufferPool()));

  it('gives at least what is asked for, and never the same memory twice', () => {
    const sizes = [1, 4096, 4097, 100_000, 1 << 20, 3_000_000, 3_000_000];
    const taken = sizes.map((size) => pool.take(size));
    for (const [index, buffer] of taken.entries()) {
      expect(buffer.length).toBeGreaterThanOrEqual(sizes[index]!);
    }
    expect(new Set(taken.map(({ buffer }) => buffer)).size).toBe(sizes.length);
    for (const buffer of taken) pool.give(buffer);
  });

  it('uses again what was given back', () => {
    const [first, second] = [pool.take(5000), pool.take(5000)];
    pool.give(first);
    expect(pool.take(8000)).toBe(first);
    expect(pool.take(8000)).not.toBe(second);
  });

  it('keeps no more than a limit, and nothing when nobody asks any more', () => {
    jest.useFakeTimers();
    try {
      const buffers = Array.from({ length: 6 }, () => pool.take(16 << 20));
      for (const buffer of buffers) pool.give(buffer);
      const again = buffers.map(() => pool.take(16 << 20));
      expect(again.filter((it) => buffers.includes(it)).length).toBeLessThanOrEqual(4);
      pool.give(again[0]!);
      jest.advanceTimersByTime(10_000);
      expect(pool.take(16 << 20)).not.toBe(again[0]);
    } finally {
      jest.useRealTimers();
    }
  });
});

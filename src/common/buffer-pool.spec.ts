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

  it('takes nothing back in part or twice', () => {
    const buffer = pool.take(5000);
    expect(() => pool.give(buffer.subarray(1))).toThrow();
    pool.give(buffer);
    expect(() => pool.give(buffer)).toThrow();
  });

  it('keeps no more than a limit', () => {
    const buffers = Array.from({ length: 6 }, () => pool.take(16 << 20));
    for (const buffer of buffers) pool.give(buffer);
    const again = buffers.map(() => pool.take(16 << 20));
    expect(again.filter((it) => buffers.includes(it))).toHaveLength(4);
  });

  it('lets go of what is not needed, also while something else is', () => {
    jest.useFakeTimers();
    try {
      const idle = pool.take(16 << 20);
      const lively = pool.take(4096);
      pool.give(idle);
      pool.give(lively);
      for (let count = 0; count < 20; count += 1) {
        jest.advanceTimersByTime(1000);
        expect(pool.take(4096)).toBe(lively);
        pool.give(lively);
      }
      expect(pool.take(16 << 20)).not.toBe(idle);
      jest.advanceTimersByTime(15_000);
      expect(pool.take(4096)).not.toBe(lively);
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});

import { isRunId, newRunId } from './run-id.js';

describe('a run id', () => {
  it('is a UUID of version 7 with the time at which it was made', () => {
    const before = Date.now();
    const id = newRunId();
    expect(id).toMatch(/^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
    const time = parseInt(id.slice(0, 12), 16);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now() + 1);
    expect(isRunId(id)).toBe(true);
  });

  it('sorts behind all that were made before, also within a millisecond', () => {
    const ids = Array.from({ length: 50_000 }, newRunId);
    const times = new Set(ids.map((id) => id.slice(0, 12)));
    expect(times.size).toBeLessThan(ids.length / 10);
    expect(ids).toEqual([...new Set(ids)].sort());
  });

  it('has a part that cannot be guessed', () => {
    const parts = new Set(Array.from({ length: 10_000 }, () => newRunId().slice(17)));
    expect(parts.size).toBe(10_000);
  });

  it.each(['', '../../etc', 'a'.repeat(31), 'A'.repeat(32), `${'a'.repeat(32)}\n`, 'g'.repeat(32)])(
    'is no %j',
    (text) => expect(isRunId(text)).toBe(false),
  );
});

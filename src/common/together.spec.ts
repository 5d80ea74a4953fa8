import { setImmediate as nextTurn } from 'node:timers/promises';
import { together } from './together.js';

const later = async <T>(turns: number, value: T): Promise<T> => {
  for (let turn = 0; turn < turns; turn += 1) await nextTurn();
  if (value instanceof Error) throw value;
  return value;
};

describe('together', () => {
  it('gives the results in their order', async () => {
    expect(await together(later(2, 'a'), later(0, 1), later(1, null))).toEqual(['a', 1, null]);
  });

  it('waits for all, then throws the error of the first in their order', async () => {
    let done = false;
    const slow = later(5, null).then(() => (done = true));
    const work = together(later(2, new Error('first')), later(0, new Error('second')), slow);
    await expect(work).rejects.toThrow('first');
    expect(done).toBe(true);
  });
});

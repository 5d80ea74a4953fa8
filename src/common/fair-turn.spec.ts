import { fairTurn } from './fair-turn.js';

/** Holds the event loop. */
function work(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

describe('work that asks for its turn', () => {
  it('lets other things happen in between, however many begin it at once', async () => {
    let others = 0;
    let isOver = false;
    const other = () => {
      others += 1;
      if (!isOver) setImmediate(other);
    };
    setImmediate(other);
    const pieces = Array.from({ length: 50 }, async () => {
      await fairTurn();
      work(2);
    });
    await Promise.all(pieces);
    isOver = true;
    // 100 ms of work in slices of 8, each a piece too long at most.
    expect(others).toBeGreaterThanOrEqual(9);
  });
});

import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long all work that asks for its turn may hold the event loop at a stretch, in milliseconds. */
const SLICE_MS = 8;

/** Who waits for a turn, in their order. */
const waiting: (() => void)[] = [];
let isHandingOut = false;
/** When the work of this turn of the event loop began; null before any. */
let began: number | null = null;

/**
 * To be waited for before a short piece of synchronous work (a spawn, a signal, some files of `/proc`) of
 * which many runs may have many at the same moment. One piece follows the other until they have taken up
 * so much of this turn of the event loop together; the rest comes in later ones, so that streams and
 * requests go on. The piece must come right behind the `await`.
 */
export function fairTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (!isHandingOut) void handOut();
  });
}

/**
 * Whether such work has taken up this turn of the event loop: more of it has to wait for `fairTurn`. For
 * work that mostly fits in, and that need not wait for a promise then.
 */
export function isTurnSpent(): boolean {
  if (began === null) {
    began = performance.now();
    setImmediate(() => (began = null));
  }
  return performance.now() - began >= SLICE_MS;
}

async function handOut(): Promise<void> {
  isHandingOut = true;
  while (waiting.length > 0) {
    if (isTurnSpent()) {
      await nextTurn();
    } else {
      waiting.shift()!();
      // The piece is done before this goes on: it was queued before.
      await Promise.resolve();
    }
  }
  isHandingOut = false;
}

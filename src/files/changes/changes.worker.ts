import { parentPort } from 'node:worker_threads';
import { changesOfRun, type ScanOrder } from './scan-task.js';
import type { RunFiles } from './run-files.js';

/** What the thread of scans is asked, and what it answers. */
export interface ScanQuestion {
  id: number;
  order: ScanOrder;
}
export interface ScanAnswer {
  id: number;
  files: RunFiles | null;
}

/** Milliseconds of one scan before it is the turn of the next: a large tree keeps no small one waiting. */
const TURN_MS = 4;

const waiting: { id: number; scan: ReturnType<typeof changesOfRun> }[] = [];

parentPort!.on('message', ({ id, order }: ScanQuestion) => {
  waiting.push({ id, scan: changesOfRun(order) });
  if (waiting.length === 1) setImmediate(turn);
});

function turn(): void {
  const task = waiting.shift()!;
  const ends = performance.now() + TURN_MS;
  try {
    let step = task.scan.next();
    while (step.done !== true && performance.now() < ends) step = task.scan.next();
    if (step.done !== true) {
      waiting.push(task);
    } else {
      answer(task.id, step.value?.files ?? null);
      step.value?.keep();
    }
  } catch {
    // What cannot be found out is not known; a second answer is of no effect.
    answer(task.id, null);
  }
  if (waiting.length > 0) setImmediate(turn);
}

function answer(id: number, files: RunFiles | null): void {
  parentPort!.postMessage({ id, files } satisfies ScanAnswer);
}

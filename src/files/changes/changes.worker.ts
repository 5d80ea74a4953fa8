import { parentPort } from 'node:worker_threads';
import { changesOfRun, type ScanOrder } from './scan-task.js';
import type { RunFiles } from './run-files.js';

/** What the thread of scans is asked, and what it answers. */
export type ScanQuestion =
  | { id: number; order: ScanOrder }
  /** Whether what it has found is what the next run is compared with. */
  | { id: number; isKept: boolean };
export interface ScanAnswer {
  id: number;
  files: RunFiles | null;
}

/** Milliseconds of one scan before it is the turn of the next: a large tree keeps no small one waiting. */
const TURN_MS = 4;

const waiting: { id: number; scan: ReturnType<typeof changesOfRun> }[] = [];

/** What is to be kept of scans that have ended, and what was decided of those that have not. */
const found = new Map<number, () => void>();
const decided = new Map<number, boolean>();

parentPort!.on('message', (question: ScanQuestion) => {
  const { id } = question;
  if ('order' in question) {
    waiting.push({ id, scan: changesOfRun(question.order) });
    if (waiting.length === 1) setImmediate(turn);
  } else {
    decided.set(id, question.isKept);
    settle(id);
  }
});

function settle(id: number): void {
  const keep = found.get(id);
  const isKept = decided.get(id);
  if (keep === undefined || isKept === undefined) return;
  found.delete(id);
  decided.delete(id);
  try {
    if (isKept) keep();
  } catch {
    // The next run is compared with what is known from before.
  }
}

function turn(): void {
  const task = waiting.shift()!;
  const ends = performance.now() + TURN_MS;
  try {
    let step = task.scan.next();
    while (step.done !== true && performance.now() < ends) step = task.scan.next();
    if (step.done !== true) {
      waiting.push(task);
    } else {
      finish(task.id, step.value?.files ?? null, step.value?.keep);
    }
  } catch {
    // What cannot be found out is not known.
    finish(task.id, null);
  }
  if (waiting.length > 0) setImmediate(turn);
}

function finish(id: number, files: RunFiles | null, keep = () => {}): void {
  parentPort!.postMessage({ id, files } satisfies ScanAnswer);
  found.set(id, keep);
  settle(id);
}

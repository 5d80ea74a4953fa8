import { processesWith } from './processes.js';

const given: string[] = [];
afterAll(() => {
  for (const mark of given.splice(0)) killAll(mark);
});

/** A duration that only the processes of one test sleep for; what is left of them at the end is killed. */
export function newMark(): string {
  const mark = `86400.${String(process.pid).padStart(7, '0')}${String(given.length).padStart(4, '0')}1`;
  given.push(mark);
  return mark;
}

function killAll(mark: string): void {
  for (const pid of processesWith(mark)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended in between.
    }
  }
}

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Pids of live processes whose environment or command line holds a text. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .filter((pid) => {
      try {
        const state = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '')[0];
        const both = ['cmdline', 'environ'].map((it) =>
          readFileSync(`/proc/${pid}/${it}`, 'latin1'),
        );
        return state !== 'Z' && both.some((it) => it.includes(text));
      } catch {
        return false;
      }
    });
}

/** The same, of those alone that this process has started itself. */
export function childrenWith(text: string): number[] {
  return processesWith(text).filter((pid) => {
    try {
      const [, parent] = readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ');
      return Number(parent) === process.pid;
    } catch {
      return false;
    }
  });
}

/** Those of some texts that stand in the command line of a live process; one look for all of them. */
export function textsInCommandLines(texts: readonly string[]): string[] {
  const lines = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      } catch {
        return '';
      }
    });
  return texts.filter((text) => lines.some((line) => line.includes(text)));
}

/** Open descriptors of a process. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Bytes that a process has in memory now. */
export function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** What the kernel says of a process: its parent, group and session, and the signals it ignores. */
export function kinship(pid: number) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [, parent, group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const mask = BigInt(`0x${/SigIgn:\s+(\w+)/.exec(status)![1]}`);
  return {
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    ignores: (signal: number) => (mask & (1n << BigInt(signal - 1))) !== 0n,
  };
}

/** The environment of a process, as text. */
export function environmentOf(pid: number): string {
  return readFileSync(`/proc/${pid}/environ`, 'latin1');
}

/** Bytes that a process has had in memory at most. */
export function peakMemoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** Looks again and again until a condition holds; fails with what was seen last. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  holds: (seen: T) => boolean,
  seconds = 45,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (performance.now() > deadline)
      throw new Error(`it did not come to pass: ${JSON.stringify(seen)}`);
    await pause(20);
  }
}

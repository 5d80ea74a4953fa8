import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { errnoOf } from '../common/errors.js';
import { withSpareDescriptor } from './spare-descriptor.js';

/** The variable by which a process is recognised as a run's, wherever it has moved. */
export const RUN_COOKIE_VARIABLE = 'FERMILINK_RUN_COOKIE';

/** One process as `/proc` shows it. A pid alone may be reused; pid and start time together are not. */
export interface ProcessEntry {
  pid: number;
  /** In clock ticks since boot. */
  startTime: number;
  parent: number;
  group: number;
  session: number;
  /** The run cookie in its environment, if it has one and may be read. */
  cookie: string | null;
}

/** How long one slice of a look may hold the event loop, in milliseconds. */
const SLICE_MS = 8;

/** Index of the start time among the fields from the state on. */
const START_TIME = 19;

const COOKIE_MARK = Buffer.from(`${RUN_COOKIE_VARIABLE}=`);

/**
 * Looks at `/proc` for every run at once. A look that is asked for while another is under way begins
 * after it and is shared by all who asked meanwhile, so that nobody gets a picture from before he asked.
 */
@Injectable()
export class ProcessTable {
  private current: Promise<ProcessEntry[]> | null = null;
  private next: Promise<ProcessEntry[]> | null = null;
  /** Cookies by process; an environment is read once. */
  private cookies = new Map<string, string | null>();

  /** All live processes (zombies are dead). */
  look(): Promise<ProcessEntry[]> {
    if (this.current === null) return this.begin();
    this.next ??= this.current.then(
      () => this.begin(),
      () => this.begin(),
    );
    return this.next;
  }

  private begin(): Promise<ProcessEntry[]> {
    this.next = null;
    const look = this.scan().finally(() => {
      if (this.current === look) this.current = null;
    });
    this.current = look;
    return look;
  }

  private async scan(): Promise<ProcessEntry[]> {
    // Asked in this turn, answered with what is true after it.
    await nextTurn();
    const entries: ProcessEntry[] = [];
    const cookies = new Map<string, string | null>();
    let sliceBegan = performance.now();
    for (const name of withSpareDescriptor(() => readdirSync('/proc'))) {
      const pid = Number(name);
      if (!Number.isInteger(pid)) continue;
      const entry = readProcess(pid);
      if (entry !== null) {
        const key = `${pid}:${entry.startTime}`;
        const known = this.cookies.get(key);
        // A process between fork and exec may show no environment yet: such an answer is not kept.
        const read = known === undefined ? readCookie(pid) : { cookie: known, final: true };
        if (read.final) cookies.set(key, read.cookie);
        entries.push({ ...entry, cookie: read.cookie });
      }
      if (performance.now() - sliceBegan > SLICE_MS) {
        await nextTurn();
        sliceBegan = performance.now();
      }
    }
    this.cookies = cookies;
    return entries;
  }
}

/** Whether the process that was seen is still there and alive. */
export function isAlive(seen: { pid: number; startTime: number }): boolean {
  return readProcess(seen.pid)?.startTime === seen.startTime;
}

/** Reads one process; null if there is none or it is a zombie. */
export function readProcess(pid: number): Omit<ProcessEntry, 'cookie'> | null {
  const fields = statFields(pid);
  if (fields === null || fields[0] === 'Z' || fields[0] === 'X') return null;
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTime: Number(fields[START_TIME]),
  };
}

/** When a process began, in clock ticks since boot, also if it is a zombie by now; null if it is gone. */
export function startTimeOf(pid: number): number | null {
  const fields = statFields(pid);
  return fields === null ? null : Number(fields[START_TIME]);
}

/** Names the boot and the pid namespace: the same number elsewhere or later is another process. */
export function hostIdentity(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
}

/** The fields of `/proc/PID/stat` from the state on; null if there is no such process. */
function statFields(pid: number): string[] | null {
  const stat = readProc(`/proc/${pid}/stat`)?.toString('latin1');
  // The name in parentheses may hold anything, also parentheses; the fields after the last one are fixed.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? null;
}

/** @returns null if the process is gone; anything else that is in the way is an error */
function readProc(path: string): Buffer | null {
  try {
    return withSpareDescriptor(() => readFileSync(path));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return null;
    throw error;
  }
}

function readCookie(pid: number): { cookie: string | null; final: boolean } {
  let environment: Buffer | null;
  try {
    environment = readProc(`/proc/${pid}/environ`);
  } catch (error) {
    // Somebody else's process, which is none of ours.
    if (errnoOf(error) !== 'EACCES' && errnoOf(error) !== 'EPERM') throw error;
    environment = null;
  }
  if (environment === null) return { cookie: null, final: false };
  let at = environment.indexOf(COOKIE_MARK);
  while (at > 0 && environment[at - 1] !== 0) at = environment.indexOf(COOKIE_MARK, at + 1);
  if (at < 0) return { cookie: null, final: environment.length > 0 };
  const begin = at + COOKIE_MARK.length;
  const end = environment.indexOf(0, begin);
  return {
    cookie: environment.toString('latin1', begin, end < 0 ? environment.length : end),
    final: true,
  };
}

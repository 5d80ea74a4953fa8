import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { errnoOf } from '../common/errors.js';
import { withSpareDescriptor } from './spare-descriptor.js';

/** The variable by which a process is recognised as a run's, wherever it has moved. */
/** How a folder's name begins in which a program is asked something; behind it stands the cookie of its processes. */
export const PROBE_PREFIX = 'probe-';
export const RUN_COOKIE_VARIABLE = 'FERMILINK_RUN_COOKIE';

/** One process as `/proc` shows it. A pid alone may be reused; pid and start time together are not. */
export interface ProcessEntry {
  pid: number;
  /** In clock ticks since boot. */
  startTime: number;
  parent: number;
  group: number;
  session: number;
  /** Where its environment lies: another place when it has become another program. */
  environment: string;
  /** It has ended, and only waits for its parent to take note. */
  isZombie: boolean;
  /** The run cookie in its environment, if it has one and may be read. */
  cookie: string | null;
}

/** Indices among the fields from the state on. */
const START_TIME = 19;
const ENVIRONMENT_START = 47;
const COOKIE_MARK = Buffer.from(`${RUN_COOKIE_VARIABLE}=`);

/**
 * What files of `/proc` are read into: Node takes a new buffer of 64 KiB for each file that does not say
 * how long it is, and a look reads thousands.
 */
let scratch = Buffer.alloc(4096);

/** @returns a view of what is read into next time */
function readAll(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    for (let length = 0; ;) {
      const count = readSync(fd, scratch, length, scratch.length - length, null);
      if (count === 0) return scratch.subarray(0, length);
      length += count;
      if (length === scratch.length) scratch = Buffer.concat([scratch], 2 * length);
    }
  } finally {
    closeSync(fd);
  }
}

/** Reads one process; null if there is none that we may see. */
export function readProcess(pid: number): Omit<ProcessEntry, 'cookie'> | null {
  const stat = readProc(`/proc/${pid}/stat`)?.toString('latin1');
  if (stat === undefined) return null;
  // The name in parentheses may hold anything, also parentheses; the fields after the last one are fixed.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTime: Number(fields[START_TIME]),
    environment: fields[ENVIRONMENT_START] ?? '',
    isZombie: fields[0] === 'Z' || fields[0] === 'X',
  };
}

/** Whether the process that was seen is still there and alive. */
export function isAlive(seen: { pid: number; startTime: number }): boolean {
  const now = readProcess(seen.pid);
  return now !== null && now.startTime === seen.startTime && !now.isZombie;
}

/** @returns the run cookie of a process, and whether it will stay the same */
export function readCookie(pid: number): { cookie: string | null; final: boolean } {
  const environment = readProc(`/proc/${pid}/environ`);
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

/** Names the boot and the pid namespace: the same number elsewhere or later is another process. */
export function hostIdentity(): string {
  identity ??= `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
  return identity;
}

/** It is that of this process for good. */
let identity: string | null = null;

/**
 * ENOENT, ESRCH: the process is gone. EACCES, EPERM: it is somebody else's; of some systems not even
 * its numbers are to be seen then (`hidepid`).
 */
const NOT_OURS = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'];

/** @returns null if the process is gone or none of ours; anything else that is in the way is an error */
function readProc(path: string): Buffer | null {
  try {
    return withSpareDescriptor(() => readAll(path));
  } catch (error) {
    if (NOT_OURS.includes(errnoOf(error) ?? '')) return null;
    throw error;
  }
}

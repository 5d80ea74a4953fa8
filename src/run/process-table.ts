import { readdirSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { fairTurn } from '../common/fair-turn.js';
import { ProcessSnapshot } from './process-snapshot.js';
import { type ProcessEntry, readCookie, readProcess } from './proc.js';
import { withSpareDescriptor } from './spare-descriptor.js';

/** Threads of the kernel have none, zombies have it no more, and those of others do not show it. */
const NO_ENVIRONMENT = '0';

/** Entries that are read in a row: less than a millisecond's work. */
const ENTRIES_IN_A_PIECE = 16;

/**
 * Looks at `/proc` for every run at once. A look that is asked for while another is under way begins
 * after it and is shared by all who asked meanwhile, so that nobody gets a picture from before he asked.
 */
@Injectable()
export class ProcessTable {
  private current: Promise<ProcessSnapshot> | null = null;
  private next: Promise<ProcessSnapshot> | null = null;
  /** Cookies by process; an environment is read once. */
  private cookies = new Map<string, string | null>();

  /** All processes there are. */
  look(): Promise<ProcessSnapshot> {
    if (this.current === null) return this.begin();
    this.next ??= this.current.then(
      () => this.begin(),
      () => this.begin(),
    );
    return this.next;
  }

  /** Like `look`, at once and without giving others their turn; for a server that has no time left. */
  lookNow(): ProcessSnapshot {
    return new ProcessSnapshot([...this.entries(new Map())]);
  }

  private begin(): Promise<ProcessSnapshot> {
    this.next = null;
    const look = this.scan().finally(() => {
      if (this.current === look) this.current = null;
    });
    this.current = look;
    return look;
  }

  private async scan(): Promise<ProcessSnapshot> {
    // Asked in this turn, answered with what is true after it.
    await nextTurn();
    const found: ProcessEntry[] = [];
    const cookies = new Map<string, string | null>();
    for (const entry of this.entries(cookies)) {
      found.push(entry);
      if (found.length % ENTRIES_IN_A_PIECE === 0) await fairTurn();
    }
    this.cookies = cookies;
    return new ProcessSnapshot(found);
  }

  private cookieOf(
    pid: number,
    environment: string,
    key: string,
    cookies: Map<string, string | null>,
  ): string | null {
    if (environment === NO_ENVIRONMENT) return null;
    const known = this.cookies.get(key);
    // A process between fork and exec may show no environment yet: such an answer is not kept.
    const read = known === undefined ? readCookie(pid) : { cookie: known, final: true };
    if (read.final) cookies.set(key, read.cookie);
    return read.cookie;
  }

  /** @param cookies gets the cookies that need not be read again */
  private *entries(cookies: Map<string, string | null>): Generator<ProcessEntry> {
    for (const name of withSpareDescriptor(() => readdirSync('/proc'))) {
      const pid = Number(name);
      const process = Number.isInteger(pid) ? readProcess(pid) : null;
      if (process === null) continue;
      // A process that becomes another program may get another environment with it.
      const key = `${pid}:${process.startTime}:${process.environment}`;
      yield { ...process, cookie: this.cookieOf(pid, process.environment, key, cookies) };
    }
  }
}

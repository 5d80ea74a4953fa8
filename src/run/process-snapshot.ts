import type { ProcessEntry } from './proc.js';

/** All processes at one moment, arranged so that a tree is found in the time that it is large. */
export class ProcessSnapshot {
  private readonly byPid = new Map<number, ProcessEntry>();
  private readonly byGroup = new Map<number, ProcessEntry[]>();
  private readonly bySession = new Map<number, ProcessEntry[]>();
  private readonly byParent = new Map<number, ProcessEntry[]>();
  private readonly byCookie = new Map<string, ProcessEntry[]>();

  constructor(entries: readonly ProcessEntry[]) {
    for (const entry of entries) {
      this.byPid.set(entry.pid, entry);
      add(this.byGroup, entry.group, entry);
      add(this.bySession, entry.session, entry);
      add(this.byParent, entry.parent, entry);
      if (entry.cookie !== null) add(this.byCookie, entry.cookie, entry);
    }
  }

  /** The process with a number. */
  get(pid: number): ProcessEntry | undefined {
    return this.byPid.get(pid);
  }

  /** Those in a process group. */
  ofGroup(group: number): readonly ProcessEntry[] {
    return this.byGroup.get(group) ?? [];
  }

  /** Those in a session. */
  ofSession(session: number): readonly ProcessEntry[] {
    return this.bySession.get(session) ?? [];
  }

  /** Those whose parent a process is now. */
  childrenOf(pid: number): readonly ProcessEntry[] {
    return this.byParent.get(pid) ?? [];
  }

  /** Those with a run cookie in their environment. */
  withCookie(cookie: string): readonly ProcessEntry[] {
    return this.byCookie.get(cookie) ?? [];
  }
}

function add<K>(lists: Map<K, ProcessEntry[]>, key: K, entry: ProcessEntry): void {
  const list = lists.get(key);
  if (list) list.push(entry);
  else lists.set(key, [entry]);
}

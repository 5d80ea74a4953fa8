import { mkdirSync } from 'node:fs';
import { readdir, readFile as readFileAsync } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { errnoOf } from '../common/errors.js';
import { createFile, readFile, removeFile, replaceFile } from './record-files.js';
import { isRunId } from './run-id.js';
import { hasEnded, type RunChanges, type RunRecord, type RunState } from './run-record.js';
import type { EndedRun, RunFilter, RunPage, RunStore } from './run-store.js';

/** How often a record that could not be written is tried again, in milliseconds. */
const RETRY_MS = 2000;
/** Records that are looked at in a row, in memory, before others have their turn. */
const LOOKS_IN_A_ROW = 2000;

/** What filters ask of an ended run, so that a second list need not read its record again. */
type Facts = EndedRun & Pick<RunRecord, 'sessionId' | 'state'>;

/**
 * Records as files: `live/ID.json` until the run has ended, then `ended/ID.json`, and `keys/HASH.json`
 * for idempotency keys. A start reads the live ones alone; the ended are read when somebody asks.
 *
 * Of the states before the end only `running` is written: a run that a crash finds in its preparation
 * has started nothing, and counts as queued.
 */
export class FileRunStore implements RunStore {
  /** Records of the runs that live, and of those whose end could not be written yet. */
  private readonly live = new Map<string, RunRecord>();
  private readonly unwritten = new Set<string>();
  private retry: NodeJS.Timeout | null = null;
  /** Ids of ended runs in order; null until somebody asks. */
  private endedIds: Promise<string[]> | null = null;
  private readonly facts = new Map<string, Facts>();

  /** @param root a folder of the server's own; made if it is missing */
  constructor(private readonly root: string) {
    for (const folder of ['live', 'ended', 'keys']) {
      mkdirSync(join(root, folder), { recursive: true, mode: 0o700 });
    }
  }

  async create(record: RunRecord) {
    const { claim } = record;
    if (claim !== null) {
      const owner = this.ownerOf(claim.key);
      if (owner !== null) return owner;
      const text = JSON.stringify({ runId: record.id, bodyHash: claim.bodyHash });
      // A key whose run does not exist is what a crash left between this file and the record.
      replaceFile(this.keyFile(claim.key), text);
    }
    try {
      createFile(this.liveFile(record.id), JSON.stringify(record));
    } catch (error) {
      if (claim !== null) removeFile(this.keyFile(claim.key));
      throw error;
    }
    this.live.set(record.id, record);
    return null;
  }

  async get(id: string): Promise<RunRecord | null> {
    if (!isRunId(id)) return null;
    return this.live.get(id) ?? recordIn(await readText(this.endedFile(id)));
  }

  async findByKey(key: string) {
    return this.ownerOf(key);
  }

  async list({ userKey, sessionId, state, limit, before }: RunFilter): Promise<RunPage> {
    const matches = (it: Pick<RunRecord, 'userKey' | 'sessionId' | 'state'>) =>
      (userKey === null || it.userKey === userKey) &&
      (sessionId === null || it.sessionId === sessionId) &&
      (state === null || it.state === state);
    const runs: RunRecord[] = [];
    let looked = 0;
    for (const id of newestFirst(await this.endedIdsOnDisk(), [...this.live.keys()], before)) {
      looked += 1;
      if (looked % LOOKS_IN_A_ROW === 0) await nextTurn();
      const known = this.live.get(id) ?? this.facts.get(id);
      if (known !== undefined && !matches(known)) continue;
      const record = await this.get(id);
      if (record === null) continue;
      this.remember(record);
      if (!matches(record)) continue;
      // One more than asked for shows that there is a next page.
      if (runs.length === limit) return { runs, next: runs.at(-1)!.id };
      runs.push(record);
    }
    return { runs, next: null };
  }

  async annotate(id: string, changes: Omit<RunChanges, 'state'>): Promise<void> {
    const record = await this.get(id);
    if (record !== null) await this.put({ ...record, ...changes });
  }

  async transition(
    id: string,
    from: readonly RunState[],
    changes: RunChanges & { state: RunState },
  ): Promise<boolean> {
    const record = this.live.get(id);
    if (record === undefined || !from.includes(record.state)) return false;
    const changed = { ...record, ...changes };
    if (changes.state === 'preparing') this.live.set(id, changed);
    else await this.put(changed);
    return true;
  }

  async unfinished(): Promise<RunRecord[]> {
    const names = await readdir(join(this.root, 'live'));
    for (const id of idsIn(names)) {
      if (this.live.has(id)) continue;
      const record = recordIn(readFile(this.liveFile(id)));
      // A record that was never whole is that of a run that nobody was promised; and one that has
      // ended is here because the server died before it removed this file.
      if (record === null || recordIn(readFile(this.endedFile(id))) !== null) {
        removeFile(this.liveFile(id));
      } else {
        this.live.set(id, record);
      }
    }
    return [...this.live.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async *ended(): AsyncIterable<EndedRun> {
    for (const id of [...(await this.endedIdsOnDisk())]) {
      if (!this.facts.has(id)) {
        const record = recordIn(await readText(this.endedFile(id)));
        if (record !== null) this.remember(record);
      }
      const facts = this.facts.get(id);
      if (facts !== undefined) yield facts;
    }
  }

  async remove(id: string): Promise<void> {
    const record = await this.get(id);
    if (record === null) return;
    // The key first: one without a run is void, but a run without its key could be started twice.
    if (record.claim !== null && this.ownerOf(record.claim.key)?.runId === id) {
      removeFile(this.keyFile(record.claim.key));
    }
    removeFile(this.liveFile(id));
    removeFile(this.endedFile(id));
    this.live.delete(id);
    this.unwritten.delete(id);
    this.facts.delete(id);
    const ids = await this.endedIds;
    const index = ids === null ? -1 : lowerBound(ids, id);
    if (ids?.[index] === id) ids.splice(index, 1);
  }

  /** Stops trying again; for a server that ends. */
  close(): void {
    if (this.retry !== null) clearInterval(this.retry);
    this.retry = null;
  }

  private async put(record: RunRecord): Promise<void> {
    const wasLive = this.live.has(record.id);
    if (wasLive) this.live.set(record.id, record);
    if (!hasEnded(record.state)) {
      replaceFile(this.liveFile(record.id), JSON.stringify(record));
      return;
    }
    try {
      this.writeEnded(record);
    } catch (error) {
      // On a full disk the end may still find room where the record is; the rest is tried again.
      if (!wasLive) throw error;
      this.tryLater(record);
    }
    this.remember(record);
    const ids = await this.endedIds;
    const index = ids === null ? 0 : lowerBound(ids, record.id);
    if (ids !== null && ids[index] !== record.id) ids.splice(index, 0, record.id);
  }

  private writeEnded(record: RunRecord): void {
    replaceFile(this.endedFile(record.id), JSON.stringify(record));
    removeFile(this.liveFile(record.id));
    this.live.delete(record.id);
    this.unwritten.delete(record.id);
  }

  private tryLater(record: RunRecord): void {
    this.unwritten.add(record.id);
    try {
      replaceFile(this.liveFile(record.id), JSON.stringify(record));
    } catch {
      // It is in memory, and tried again.
    }
    this.retry ??= setInterval(() => {
      for (const id of this.unwritten) {
        try {
          this.writeEnded(this.live.get(id)!);
        } catch {
          return;
        }
      }
      this.close();
    }, RETRY_MS).unref();
  }

  private ownerOf(key: string): { runId: string; bodyHash: string } | null {
    const owner = jsonIn(readFile(this.keyFile(key))) as { runId: string; bodyHash: string } | null;
    if (owner === null || !isRunId(String(owner.runId))) return null;
    const exists =
      this.live.has(owner.runId) || recordIn(readFile(this.endedFile(owner.runId))) !== null;
    return exists ? owner : null;
  }

  private remember(record: RunRecord): void {
    if (!hasEnded(record.state) || record.endedAt === null) return;
    const { id, userKey, sessionId, state, endedAt, eventBytes, eventsExpired } = record;
    this.facts.set(id, {
      id,
      userKey,
      sessionId,
      state,
      endedAt,
      eventBytes: eventsExpired ? 0 : eventBytes,
    });
  }

  private endedIdsOnDisk(): Promise<string[]> {
    this.endedIds ??= readdir(join(this.root, 'ended')).then(
      (names) => idsIn(names).sort(),
      (error: unknown) => {
        this.endedIds = null;
        throw error;
      },
    );
    return this.endedIds;
  }

  private liveFile(id: string): string {
    return join(this.root, 'live', `${id}.json`);
  }

  private endedFile(id: string): string {
    return join(this.root, 'ended', `${id}.json`);
  }

  private keyFile(key: string): string {
    return join(this.root, 'keys', `${key}.json`);
  }
}

function idsIn(names: readonly string[]): string[] {
  return names
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .filter(isRunId);
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFileAsync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function jsonIn(text: string | null): unknown {
  try {
    return text === null ? null : (JSON.parse(text) as unknown);
  } catch {
    return null;
  }
}

/** A record in a text; null where it is not whole. */
function recordIn(text: string | null): RunRecord | null {
  const value = jsonIn(text) as RunRecord | null;
  return value?.version === 1 && typeof value.id === 'string' ? value : null;
}

/** Merges two lists of ids, the first of them in order, from the newest on that is before `before`. */
function* newestFirst(
  sorted: readonly string[],
  more: string[],
  before: string | null,
): Generator<string> {
  // The lists change while somebody waits between two ids.
  const lists = [[...sorted], more.sort()].map((ids) =>
    before === null ? ids : ids.slice(0, lowerBound(ids, before)),
  );
  const [first, second] = lists as [string[], string[]];
  let last = '';
  while (first.length > 0 || second.length > 0) {
    const id = (first.at(-1) ?? '') >= (second.at(-1) ?? '') ? first.pop()! : second.pop()!;
    if (id !== last) yield id;
    last = id;
  }
}

/** The first index whose id is not before `id`. */
function lowerBound(ids: readonly string[], id: string): number {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

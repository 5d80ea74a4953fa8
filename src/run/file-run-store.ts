import { mkdirSync, renameSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EndedIds, idsIn, newestFirst } from './ended-ids.js';
import {
  createFile,
  isTemporary,
  readFile,
  removeFile,
  replaceFile,
} from '../common/small-files.js';
import { jsonIn, readText, recordIn } from './record-file.js';
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
  private readonly endedIds: EndedIds;
  private readonly facts = new Map<string, Facts>();

  /**
   * @param root a folder of the server's own; made if it is missing
   * @param onDamage told of files of live runs that cannot be read
   */
  constructor(
    private readonly root: string,
    private readonly onDamage: (file: string, cause: unknown) => void = () => undefined,
  ) {
    for (const folder of ['live', 'ended', 'keys']) {
      mkdirSync(join(root, folder), { recursive: true, mode: 0o700 });
    }
    this.endedIds = new EndedIds(join(root, 'ended'));
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
    for (const id of newestFirst(await this.endedIds.all(), [...this.live.keys()], before)) {
      looked += 1;
      if (looked % LOOKS_IN_A_ROW === 0) await nextTurn();
      const known = this.live.get(id) ?? this.facts.get(id);
      if (known !== undefined && !matches(known)) continue;
      // One that cannot be read is no reason to keep back the others.
      const record = await this.get(id).catch(() => null);
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
    // Read and written in one step: a change that is made at the same time is not to be lost.
    const record = this.live.get(id) ?? this.endedRecord(id);
    if (record !== null) this.put({ ...record, ...changes });
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
    else this.put(changed);
    return true;
  }

  async takeOver(): Promise<RunRecord[]> {
    // A server that waited for another one may have been asked for runs that have ended since.
    this.endedIds.forget();
    this.facts.clear();
    const folder = join(this.root, 'live');
    const names = await readdir(folder);
    for (const name of names) {
      try {
        // A record that was to be replaced when the server died.
        if (isTemporary(name)) removeFile(join(folder, name));
      } catch (cause) {
        this.onDamage(name, cause);
      }
    }
    for (const id of idsIn(names)) if (!this.live.has(id)) this.takeUp(id);
    return [...this.live.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** One file that cannot be read does not keep the other runs waiting: it is set aside. */
  private takeUp(id: string): void {
    const file = this.liveFile(id);
    try {
      const text = readFile(file);
      const record = recordIn(text);
      // The server died before it wrote it: that run was promised to nobody.
      if (text === '') removeFile(file);
      else if (record !== null) this.live.set(id, record);
      else throw new Error('it is no record of this version');
    } catch (cause) {
      this.onDamage(`${id}.json`, cause);
      renameSync(file, `${file}.damaged`);
    }
  }

  async *ended(): AsyncIterable<EndedRun> {
    let looked = 0;
    for (const id of [...(await this.endedIds.all())]) {
      looked += 1;
      if (looked % LOOKS_IN_A_ROW === 0) await nextTurn();
      if (!this.facts.has(id)) {
        const record = await this.get(id).catch(() => null);
        if (record !== null) this.remember(record);
      }
      const facts = this.facts.get(id) ?? (await this.factsOfTorn(id));
      if (facts !== null) yield facts;
    }
  }

  async sessions(): Promise<ReadonlySet<string>> {
    const ids = new Set<string>();
    for await (const { id } of this.ended()) {
      // A torn record belongs to no session that anybody knows.
      const facts = this.facts.get(id);
      if (facts !== undefined) ids.add(facts.sessionId);
    }
    for (const { sessionId } of this.live.values()) ids.add(sessionId);
    return ids;
  }

  async remove(id: string): Promise<void> {
    if (!isRunId(id)) return;
    const claim = (await this.get(id).catch(() => null))?.claim ?? null;
    // The key first: one without a run is void, but a run without its key could be started twice.
    if (claim !== null && this.ownerOf(claim.key)?.runId === id) {
      removeFile(this.keyFile(claim.key));
    }
    removeFile(this.liveFile(id));
    removeFile(this.endedFile(id));
    this.live.delete(id);
    this.unwritten.delete(id);
    this.facts.delete(id);
    this.endedIds.delete(id);
  }

  /** Stops trying again; for a server that ends. */
  close(): void {
    if (this.retry !== null) clearInterval(this.retry);
    this.retry = null;
  }

  private put(record: RunRecord): void {
    const wasLive = this.live.has(record.id);
    if (wasLive) this.live.set(record.id, record);
    if (!hasEnded(record.state)) {
      replaceFile(this.liveFile(record.id), JSON.stringify(record));
      return;
    }
    if (!record.isEndLogged || record.hasSurvivors || record.owesWebhook) {
      // It stays among the live ones, so that the next server sees to what is missing.
      this.keepLive(record);
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
  }

  /**
   * The record is written over where it lies, which a full disk has room for, and put away by a rename. What
   * a crash leaves between the two is a live record with its end: `takeOver` gives it like any other.
   */
  private writeEnded(record: RunRecord): void {
    const text = JSON.stringify(record);
    if (this.live.has(record.id)) {
      replaceFile(this.liveFile(record.id), text);
      renameSync(this.liveFile(record.id), this.endedFile(record.id));
    } else {
      replaceFile(this.endedFile(record.id), text);
    }
    this.live.delete(record.id);
    this.unwritten.delete(record.id);
    this.endedIds.add(record.id);
  }

  private keepLive(record: RunRecord): void {
    try {
      replaceFile(this.liveFile(record.id), JSON.stringify(record));
    } catch {
      // It is in memory, and will be written with what is still to come.
    }
  }

  private tryLater(record: RunRecord): void {
    this.unwritten.add(record.id);
    this.keepLive(record);
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
    return this.live.has(owner.runId) || this.endedRecord(owner.runId) !== null ? owner : null;
  }

  /** A power cut may have torn a record: it belongs to nobody, and goes when its time is over. */
  private async factsOfTorn(id: string): Promise<EndedRun | null> {
    const stats = await stat(this.endedFile(id)).catch(() => null);
    if (stats === null) return null;
    return { id, userKey: '', endedAt: stats.mtime.toISOString(), eventBytes: 0 };
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

  private endedRecord(id: string): RunRecord | null {
    return isRunId(id) ? recordIn(readFile(this.endedFile(id))) : null;
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

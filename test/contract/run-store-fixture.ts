import { randomBytes } from 'node:crypto';
import { newRunId } from '../../src/run/run-id.js';
import {
  type EndReason,
  queuedRecord,
  type RunChanges,
  type RunRecord,
  type RunState,
} from '../../src/run/run-record.js';
import type { EndedRun, RunFilter, RunStore } from '../../src/run/run-store.js';

/** What an adapter gives the suite: a place for records that outlives the servers that use it. */
export interface RunStoreStorage {
  /** The store as a server that has just started sees it; what served before has died. */
  open(): RunStore;
  dispose(): void;
}

export type RunStoreStorageFactory = () => RunStoreStorage;

export const UNENDED = ['queued', 'preparing', 'running'] as const;

/** A new run of a user and a session. */
export function newRecord(changes: Partial<RunRecord> = {}): RunRecord {
  const record = queuedRecord({
    id: newRunId(),
    sessionId: 's',
    userId: 'ann',
    userKey: 'user:ann',
    order: {
      prompt: 'Say é€🙂.',
      packageId: null,
      sandbox: null,
      maxRuntimeSeconds: null,
      onDisconnect: 'continue',
      metadata: { a: [1, { b: null }] },
    },
    claim: null,
    cookie: randomBytes(16).toString('hex'),
    createdAt: '2026-01-01T00:00:00.000Z',
  });
  return { ...record, ...changes };
}

/** What changes when a run ends. */
export function ended(
  reason: EndReason = 'completed',
  changes: RunChanges = {},
): RunChanges & { state: RunState } {
  return {
    state: reason,
    endedAt: '2026-01-01T00:00:01.000Z',
    end: {
      reason,
      code: null,
      detail: null,
      returnCode: 0,
      killed: false,
      survivors: 0,
      files: null,
      result: null,
    },
    lastEventId: 3,
    eventBytes: 1000,
    isEndLogged: true,
    ...changes,
  };
}

export const EVERYTHING: RunFilter = {
  userKey: null,
  sessionId: null,
  state: null,
  limit: 200,
  before: null,
};

/** Ids of the runs of a list, page by page. */
export async function listed(
  store: RunStore,
  filter: Partial<RunFilter> = {},
  betweenPages: () => Promise<void> = async () => undefined,
): Promise<string[]> {
  const ids: string[] = [];
  let { before } = { ...EVERYTHING, ...filter };
  for (;;) {
    const page = await store.list({ ...EVERYTHING, ...filter, before });
    ids.push(...page.runs.map(({ id }) => id));
    if (page.next === null) return ids;
    expect(page.runs).toHaveLength(filter.limit ?? EVERYTHING.limit);
    before = page.next;
    await betweenPages();
  }
}

export async function endedRuns(store: RunStore): Promise<EndedRun[]> {
  const runs: EndedRun[] = [];
  for await (const run of store.ended()) runs.push(run);
  return runs;
}

import { join } from 'node:path';
import { jsonObjectIn } from '../common/json.js';
import { readFile, removeFile, replaceFileAndFolder } from '../common/small-files.js';

/** What the server remembers of a session, outside of what its agents are led to. Times are ISO-8601. */
export interface SessionRecord {
  /** When a run of it has ended or it was written to last; null if that was before any record. */
  activeAt: string | null;
  /** Bytes of its `repo/` and of its commits, as they were found; null if nobody has looked. */
  bytes: number | null;
  /** When that was begun. */
  measuredAt: string | null;
}

const UNKNOWN: SessionRecord = { activeAt: null, bytes: null, measuredAt: null };

/** One small file a session. What cannot be read is not known. */
export class SessionRecords {
  constructor(private readonly folder: string) {}

  /** @param sessionId valid */
  read(sessionId: string): SessionRecord {
    let text: string | null;
    try {
      text = readFile(this.pathOf(sessionId));
    } catch {
      return UNKNOWN;
    }
    const { active_at, bytes, measured_at } = jsonObjectIn(text);
    return {
      activeAt: timeIn(active_at),
      bytes: Number.isSafeInteger(bytes) ? (bytes as number) : null,
      measuredAt: timeIn(measured_at),
    };
  }

  /** Changes what is remembered. @throws if it cannot be written */
  change(sessionId: string, changes: Partial<SessionRecord>): void {
    const { activeAt, bytes, measuredAt } = { ...this.read(sessionId), ...changes };
    const text = JSON.stringify({
      version: 1,
      active_at: activeAt,
      bytes,
      measured_at: measuredAt,
    });
    replaceFileAndFolder(this.pathOf(sessionId), text);
  }

  /** The session is no more. */
  remove(sessionId: string): void {
    removeFile(this.pathOf(sessionId));
  }

  private pathOf(sessionId: string): string {
    return join(this.folder, `${sessionId}.json`);
  }
}

function timeIn(value: unknown): string | null {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : null;
}

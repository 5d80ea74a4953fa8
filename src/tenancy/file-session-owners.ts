import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { nowUtc } from '../common/clock.js';
import { Directory } from '../common/directory.js';
import { jsonObjectIn } from '../common/json.js';
import { readFile, removeFile } from '../common/small-files.js';
import { syncFolder } from '../common/sync-folder.js';
import { SESSION_ID } from '../workspace/session-id.js';
import type { Ownership, SessionOwners } from './session-owners.js';

/** Sessions whose owners are kept in memory: those that were asked for last. */
const MAX_CACHED = 10_000;
/** A session whose record cannot be read: nobody has this key. */
const NOBODYS: Ownership = { owner: '', since: '' };

/** One file a session: `ID.json`. Only the server writes there; agents do not know the folder. */
export class FileSessionOwners implements SessionOwners {
  /** Never that there is none: another server that still holds the folder may be about to write it. */
  private readonly known = new Map<string, Ownership>();

  /** @param folder made if it is missing */
  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  ownerOf(sessionId: string): string | null {
    return this.ownershipOf(sessionId)?.owner ?? null;
  }

  ownershipOf(sessionId: string): Ownership | null {
    const ownership = this.known.get(sessionId) ?? this.read(sessionId);
    if (ownership === null) return null;
    // The ones that nobody asks for become the first, which go first.
    this.known.delete(sessionId);
    this.known.set(sessionId, ownership);
    if (this.known.size > MAX_CACHED) this.known.delete(this.known.keys().next().value!);
    return ownership;
  }

  async claim(sessionId: string, owner: string): Promise<boolean> {
    if (!SESSION_ID.test(sessionId)) throw new Error('no id of a session');
    const text = JSON.stringify({ session_id: sessionId, owner, since: nowUtc() });
    const folder = await Directory.open(this.folder);
    let isNew = false;
    try {
      isNew = await folder.createFile(`${sessionId}.json`, text, { mode: 0o600, sync: true });
      if (isNew) await syncFolder(this.folder);
      return isNew;
    } catch (error) {
      // Whoever hears that it failed has no run there: nobody is to be its owner.
      if (isNew) this.forget(sessionId);
      throw error;
    } finally {
      await folder.close();
    }
  }

  forget(sessionId: string): void {
    if (SESSION_ID.test(sessionId)) removeFile(this.fileOf(sessionId));
    this.known.delete(sessionId);
  }

  private read(sessionId: string): Ownership | null {
    // It becomes the name of a file.
    if (!SESSION_ID.test(sessionId)) return null;
    const text = readFile(this.fileOf(sessionId));
    if (text === null) return null;
    const { owner, since } = jsonObjectIn(text);
    return typeof owner === 'string' && typeof since === 'string' ? { owner, since } : NOBODYS;
  }

  private fileOf(sessionId: string): string {
    return join(this.folder, `${sessionId}.json`);
  }
}

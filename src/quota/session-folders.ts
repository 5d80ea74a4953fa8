import { opendir } from 'node:fs/promises';
import { SESSION_ID } from '../workspace/session-id.js';

/**
 * The ids of all sessions that have a folder. Links, and folders whose name is no session id, are none;
 * the folder may be gone when the caller comes to it.
 */
export async function* sessionIdsIn(workspacesRoot: string): AsyncIterable<string> {
  for await (const entry of await opendir(workspacesRoot)) {
    if (entry.isDirectory() && SESSION_ID.test(entry.name)) yield entry.name;
  }
}

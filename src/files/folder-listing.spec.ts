import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Deferred } from '../common/deferred.js';
import { Directory } from '../common/directory.js';
import { FolderListing } from './folder-listing.service.js';
import type { SessionFolders } from './session-folders.js';

describe('a list of a folder', () => {
  let base: string;
  let folder: Directory;
  beforeEach(async () => {
    base = mkdtempSync(join(tmpdir(), 'fermilink-listing-'));
    for (let index = 0; index < 2000; index += 1) writeFileSync(join(base, String(index)), '');
    folder = await Directory.open(base);
  });
  afterEach(async () => {
    await folder.close();
    rmSync(base, { recursive: true });
  });

  /** Sessions whose folder is opened when a test lets it. */
  const listingOf = (opened: Promise<void>) =>
    new FolderListing({
      inFolder: async (_id: string, _path: unknown, work: (folder: Directory) => unknown) => {
        await opened;
        return work(folder);
      },
    } as unknown as SessionFolders);
  const part = { limit: 1, cursor: null };
  const path = ['a', 'b'];

  it('is given up on the way when nobody waits for it any more, and leaves its place', async () => {
    const opened = new Deferred<void>();
    const listing = listingOf(opened.promise);
    const left = new AbortController();
    const lists = Array.from({ length: 8 }, () =>
      listing.list({ sessionId: 's', owner: null }, path, part, left.signal),
    );
    const refused = listing.list({ sessionId: 's', owner: null }, path, part, left.signal);
    await expect(refused).rejects.toMatchObject({ code: 'too_many_requests' });
    opened.resolve();
    left.abort(new Error('left'));
    for (const list of lists) await expect(list).rejects.toThrow('left');
    const { entries } = await listing.list(
      { sessionId: 's', owner: null },
      path,
      part,
      new AbortController().signal,
    );
    expect(entries.map(({ name }) => name)).toEqual(['0']);
  });
});

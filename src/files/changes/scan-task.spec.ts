import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noteInSnapshot } from './path-snapshot.js';
import { runFilesOf } from './run-files.js';
import { changesOfRun } from './scan-task.js';
import { MAX_ENTRIES } from './tree-scan.js';

describe('what a run has changed', () => {
  let base: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'fermilink-scan-'));
    for (const path of ['workspaces/s/repo', 'template/d'])
      mkdirSync(join(base, path), { recursive: true });
    writeFileSync(join(base, 'template', 'd', 'brought'), 'along');
    mkdirSync(at('d'));
    writeFileSync(at('d', 'brought'), 'along');
    mkdirSync(at('projects'));
    for (const path of ['AGENTS.md', 'projects/memory.md']) writeFileSync(at(path), '');
  });
  afterEach(() => rmSync(base, { recursive: true }));
  const at = (...names: string[]) => join(base, 'workspaces', 's', 'repo', ...names);
  const snapshotFile = () => join(base, 'snapshot');

  /** The clock of files stands still for some milliseconds on older kernels. */
  function laterThanNow(): number {
    const mark = join(base, 'mark');
    writeFileSync(mark, '');
    const now = statSync(mark).ctimeMs;
    for (;;) {
      writeFileSync(mark, '');
      const { ctimeMs } = statSync(mark);
      if (ctimeMs > now) return ctimeMs;
    }
  }

  function look(since: number, keeps = true) {
    const order = {
      ...{ workspacesRoot: join(base, 'workspaces'), sessionId: 's', since },
      ...{ snapshotFile: snapshotFile(), templateRoot: join(base, 'template') },
    };
    const scan = changesOfRun(order);
    let step = scan.next();
    while (step.done !== true) step = scan.next();
    if (step.value === null) return null;
    if (keeps) step.value.keep();
    const { created, modified, deleted } = step.value.files;
    return { created, modified, deleted };
  }

  it('is compared with the template first, and then with what was there last', () => {
    const first = laterThanNow();
    writeFileSync(at('made'), '');
    rmSync(at('d', 'brought'));
    const changes = { created: ['made'], modified: [], deleted: ['d/brought'] };
    expect(look(first, false)).toEqual(changes);
    // A second look before anything is kept sees the same.
    expect(look(first)).toEqual(changes);
    const second = laterThanNow();
    expect(look(second)).toEqual({ created: [], modified: [], deleted: [] });
    // In the very moment of its start the server itself may have written the rules.
    laterThanNow();
    renameSync(at('made'), at('moved'));
    writeFileSync(at('AGENTS.md'), 'x');
    utimesSync(at('AGENTS.md'), 0, 0);
    expect(look(second)).toEqual({
      created: ['moved'],
      modified: ['AGENTS.md'],
      deleted: ['made'],
    });
  });

  it('is not what others did before it', () => {
    writeFileSync(at('d', 'there'), '');
    look(laterThanNow());
    rmSync(at('d', 'there'));
    rmSync(at('d', 'brought'));
    writeFileSync(at('put'), '');
    noteInSnapshot(snapshotFile(), 'put', true);
    const since = laterThanNow();
    rmSync(at('put'));
    expect(look(since)).toEqual({ created: [], modified: [], deleted: ['put'] });
  });

  it('is not compared with another folder of that name', () => {
    writeFileSync(at('d', 'old'), '');
    look(laterThanNow());
    rmSync(at(), { recursive: true });
    mkdirSync(at('d'), { recursive: true });
    const since = laterThanNow();
    writeFileSync(at('d', 'new'), '');
    // The template's file and the rules are missing from the start, and that cannot be told from here.
    expect(look(since)?.created).toEqual(['d/new']);
    expect(look(since)?.deleted).not.toContain('d/old');
  });

  it('is not known where a link stands in the way, or there is too much', () => {
    const since = laterThanNow();
    renameSync(at(), `${at()}-away`);
    symlinkSync('/etc', at());
    expect(look(since)).toBeNull();
    rmSync(at());
    expect(look(since)).toBeNull();
    mkdirSync(at(...Array.from({ length: 70 }, () => 'd')), { recursive: true });
    expect(look(since)).toBeNull();
    expect(MAX_ENTRIES).toBe(100_000);
  });

  it('is told in part, each kind with its share', () => {
    const names = (count: number, begin: string) =>
      Array.from({ length: count }, (_, index) => `${begin}${String(index).padStart(4, '0')}`);
    const told = runFilesOf({
      created: names(500, 'c'),
      modified: names(500, 'm'),
      deleted: ['d'],
    });
    expect([told.created.length, told.modified.length, told.deleted]).toEqual([99, 100, ['d']]);
    expect(told.total).toEqual({ created: 500, modified: 500, deleted: 1 });
    const long = runFilesOf({ created: names(100, 'x'.repeat(4000)), modified: [], deleted: [] });
    expect([long.created.length, long.total.created]).toEqual([16, 100]);
  });
});

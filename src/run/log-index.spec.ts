import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  endOf,
  eventsIn,
  flushed,
  idsOf,
  never,
  readAll,
} from '../../test/contract/run-log-fixture.js';
import { FileRunLogs } from './file-run-logs.js';

/** Events of a log of some mebibytes: small ones, and some that are longer than a batch. */
const EVENTS = 400;
const bytesOf = (id: number) => (id % 50 === 0 ? 400_000 : 8_000 + id);

describe('the index of a log', () => {
  let folder: string;
  let good: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fermilink-index-'));
    const log = new FileRunLogs(folder, 64 * 1024).create('r');
    for (let id = 1; id < EVENTS; id += 1) {
      log.append('agent', `${id} ${'x'.repeat(bytesOf(id))}`);
      if (id % 4 === 0) await flushed();
    }
    await endOf(log);
    good = readFileSync(join(folder, 'r.idx'), 'latin1');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const damage = (text: string | null) => {
    rmSync(join(folder, 'r.idx'), { recursive: true, force: true });
    if (text !== null) writeFileSync(join(folder, 'r.idx'), text);
  };

  /** The number of the event that a new reader gets first. */
  const firstAfter = async (after: number): Promise<number> => {
    const reader = new FileRunLogs(folder, 1).open('r', EVENTS)!.reader(after);
    try {
      const [first] = eventsIn((await reader.next(never))!);
      if (first!.id! < EVENTS) expect(first!.data.startsWith(`${first!.id} `)).toBe(true);
      return first!.id!;
    } finally {
      reader.close();
    }
  };

  it('has an entry for about every mebibyte', () => {
    const entries = good.trimEnd().split('\n');
    expect(entries.length).toBeGreaterThanOrEqual(4);
    expect(entries.length).toBeLessThanOrEqual(6);
  });

  it('leads to events all over the log', async () => {
    damage(good);
    for (let after = 0; after < EVENTS; after += 3) expect(await firstAfter(after)).toBe(after + 1);
  });

  it.each([
    ['is missing', () => damage(null)],
    ['is empty', () => damage('')],
    ['was cut in mid-line', () => damage(good.slice(0, -3))],
    ['is of NULs', () => damage('\0'.repeat(100))],
    ['has a line of something else', () => damage(good.replace('\n', '\nsomething else\n'))],
    ['goes backwards', () => damage(good.split('\n').reverse().join('\n') + '\n')],
    ['is that of a longer log', () => damage(`${good}100000 99999999999\n`)],
    ['counts one event too few', () => damage(good.replace(/^\d+/gm, (id) => `${Number(id) - 1}`))],
    [
      'counts one event too many',
      () => damage(good.replace(/^\d+/gm, (id) => `${Number(id) + 1}`)),
    ],
    ['points into events', () => damage(good.replace(/\d+$/gm, (at) => `${Number(at) + 5}`))],
    [
      'is a folder',
      () => {
        damage(null);
        mkdirSync(join(folder, 'r.idx'));
      },
    ],
  ])('costs no event where it %s', async (_, spoil) => {
    spoil();
    for (const after of [0, 1, 49, 50, 120, 200, 349, 350, EVENTS - 2, EVENTS - 1]) {
      expect(await firstAfter(after)).toBe(after + 1);
    }
  });

  it('costs no event whatever it holds', async () => {
    const entry = fc.tuple(fc.nat(EVENTS + 20), fc.nat(6_500_000)).map((it) => it.join(' '));
    const lines = fc.array(fc.oneof(entry, fc.constantFrom(...good.split('\n')), fc.string()));
    await fc.assert(
      fc.asyncProperty(lines, fc.nat(EVENTS - 1), async (lines, after) => {
        damage(lines.join('\n') + '\n');
        expect(await firstAfter(after)).toBe(after + 1);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ['missing', (path: string) => rmSync(path)],
    ['a lie', (path: string) => writeFileSync(path, '2 1500000\n3 99999999\n')],
    [
      'a folder',
      (path: string) => {
        rmSync(path);
        mkdirSync(path);
      },
    ],
  ])('costs no event of a log that goes on after a crash where it is %s', async (_, spoil) => {
    const log = new FileRunLogs(folder, 1).create('crashed');
    for (let id = 1; id <= 30; id += 1) log.append('agent', 'x'.repeat(100_000));
    log.abandon();
    spoil(join(folder, 'crashed.idx'));
    const logs = new FileRunLogs(folder, 1);
    const next = logs.recover('crashed').log;
    for (let id = 31; id <= 60; id += 1) next.append('agent', 'x'.repeat(100_000));
    await endOf(next);
    for (const after of [0, 14, 15, 29, 30, 45, 60]) {
      const ids = idsOf(await readAll(logs.open('crashed', 61)!, after));
      expect([ids[0], ids.at(-1), ids.length]).toEqual([after + 1, 61, 61 - after]);
    }
    rmSync(join(folder, 'crashed.idx'), { recursive: true, force: true });
    logs.remove('crashed');
  });
});

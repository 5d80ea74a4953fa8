import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { CANARY, Footprint } from '../bad-input/suite.js';
import { act, send } from '../support/files.js';
import { Runner } from '../support/runner.js';
import { treeOf } from '../support/trees.js';

const RACE_MS = 5000;

/** Puts one thing after another in the place of `place`, as fast as it can; `OUTSIDE` is out of bounds. */
const SWAPPER = `
const fs = require('node:fs');
const [outside, spare, at, ...kinds] = process.argv.slice(1);
const make = {
  folder: (path) => { fs.mkdirSync(path); fs.writeFileSync(path + '/secret', 'PUBLIC'); },
  file: (path) => fs.writeFileSync(path, 'PUBLIC'),
  link: (path) => fs.symlinkSync(outside, path),
  'link-to-file': (path) => fs.symlinkSync(outside + '/secret', path),
  'link-to-fifo': (path) => fs.symlinkSync(outside + '/fifo', path),
  fifo: (path) => require('node:child_process').execFileSync('mkfifo', [path]),
};
const attempt = (step) => { try { step(); } catch {} };
fs.rmSync(at, { recursive: true, force: true });
for (const kind of kinds) make[kind](spare + kind);
console.log('begun');
for (let n = 0; ; n += 1) {
  for (const kind of kinds) {
    attempt(() => fs.renameSync(spare + kind, at));
    attempt(() => fs.renameSync(at, spare + kind));
    if (n % 50 === 0) attempt(() => { if (!fs.existsSync(spare + kind)) make[kind](spare + kind); });
    if (n % 50 === 0) attempt(() => fs.rmSync(at, { recursive: true }));
  }
}`;

/** By which names and kinds, and what is asked of the place meanwhile. */
const RACES: [string, string, string[], string[]][] = [
  ['a folder and a link', 'repo/place', ['folder', 'link'], ['place/secret', 'place/new/deep']],
  ['a file and a link', 'repo/place', ['file', 'link-to-file'], ['place']],
  [
    'a file, a FIFO and a link to another',
    'repo/place',
    ['file', 'fifo', 'link-to-fifo'],
    ['place'],
  ],
  [
    'a folder, a FIFO and a file',
    'repo/place',
    ['folder', 'fifo', 'file'],
    ['place', 'place/secret'],
  ],
  ['the top of the session and a link', 'repo', ['folder', 'link'], ['secret', 'new/deep']],
];

describe('what an agent swaps while it is used', () => {
  let runner: Runner;
  let footprint: Footprint;
  let outside: string;
  let before: Record<string, string>;
  beforeAll(async () => {
    runner = await Runner.start();
    outside = join(runner.home, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), CANARY);
    execFileSync('mkfifo', [join(outside, 'fifo')]);
    before = treeOf(outside);
    await act(runner, 's', 'true');
    await send(runner, 'PUT', '/sessions/s/files/first', { body: 'x' });
    footprint = new Footprint(runner);
  });
  afterAll(() => runner.stop());

  it.each(RACES)('%s: nothing outside is reached', async (_what, at, kinds, paths) => {
    const folder = join(runner.workspaces, 's');
    const spare = join(runner.home, `spare-${at.replace('/', '-')}-${kinds.join('-')}-`);
    const swapper = spawn(
      process.execPath,
      ['-e', SWAPPER, outside, spare, join(folder, at), ...kinds],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await new Promise((resolve) => swapper.stdout.once('data', resolve));
    const statuses = new Map<number, number>();
    const ask = async (method: string, path: string) => {
      const body = method === 'PUT' ? 'written' : undefined;
      const answer = await send(runner, method, `/sessions/s/${path}`, { body });
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      expect(answer.body.includes(CANARY)).toBe(false);
      return answer;
    };
    try {
      for (const end = Date.now() + RACE_MS; Date.now() < end;) {
        await Promise.all(
          paths.flatMap((path) => [
            ...['GET', 'HEAD', 'PUT', 'DELETE'].map((method) => ask(method, `files/${path}`)),
            ask('GET', `files?path=${path}`),
          ]),
        );
        const archive = await ask('GET', 'archive').catch(() => null);
        if (archive?.status === 200) {
          expect(gunzipSync(archive.body).includes(CANARY)).toBe(false);
        }
        await ask('GET', 'git/diff');
      }
    } finally {
      swapper.kill('SIGKILL');
    }
    expect(runner.logLines.filter(({ level }) => level === 'error')).toEqual([]);
    expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([]);
    expect(treeOf(outside)).toEqual(before);
    rmSync(join(folder, at), { recursive: true, force: true });
    for (const kind of kinds) rmSync(spare + kind, { recursive: true, force: true });
  });

  it('the server is as it was', () => footprint.expectUnchanged());
});

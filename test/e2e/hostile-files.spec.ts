import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { act, openDescriptors, send } from '../support/files.js';
import { eventually } from '../support/processes.js';
import { Runner } from '../support/runner.js';

/** Swaps a folder with a link out of the session, as fast as it can. */
const SWAPPER = `
const { renameSync } = require('node:fs');
let n = 0;
const attempt = (step) => { try { step(); } catch {} };
console.log('begun');
for (;;) {
  // What an upload has made in between is put aside.
  try { renameSync('place', 'folder'); } catch { attempt(() => renameSync('place', 'aside' + n++)); }
  attempt(() => renameSync('link', 'place'));
  attempt(() => renameSync('place', 'link'));
  attempt(() => renameSync('folder', 'place'));
}`;

describe('a hostile session', () => {
  let runner: Runner;
  let outside: string;
  beforeAll(async () => {
    runner = await Runner.start();
    outside = join(runner.home, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), 'SECRET');
    await act(runner, 's', 'mkdir d; echo in > d/f; mkfifo fifo; ln -s /dev/zero zero');
  });
  afterAll(() => runner.stop());

  it('is not left by any way to write a path', async () => {
    const cases: [string, string][] = [
      ['../s/repo/d/f', 'path_invalid'],
      ['d/../../x', 'path_invalid'],
      ['d/./f', 'path_invalid'],
      ['d//f', 'path_invalid'],
      ['d/f/', 'path_invalid'],
      ['%2e%2e/x', 'path_invalid'],
      ['%2e%2e%2fx', 'path_invalid'],
      ['..%2f..%2fx', 'path_invalid'],
      ['d%2ff', 'path_invalid'],
      ['%2fnowhere%2fx', 'path_invalid'],
      ['d/f%00', 'path_invalid'],
      [`${'x'.repeat(256)}`, 'path_invalid'],
      ['x/'.repeat(2100) + 'x', 'path_invalid'],
      ['%252e%252e/x', 'file_not_found'],
      ['..%5cx', 'file_not_found'],
      ['d/f%ff', 'not_found'],
      ['d/f%c0%ae', 'not_found'],
      ['d/f%', 'not_found'],
      ['zero', 'not_a_file'],
      ['fifo', 'not_a_file'],
      ['d', 'not_a_file'],
    ];
    for (const [path, code] of cases) {
      expect([path, (await send(runner, 'GET', `/sessions/s/files/${path}`)).code]).toEqual([
        path,
        code,
      ]);
      if (code !== 'path_invalid') continue;
      for (const method of ['PUT', 'DELETE']) {
        const answer = await send(runner, method, `/sessions/s/files/${path}`, {
          body: method === 'PUT' ? 'x' : undefined,
        });
        expect([method, path, answer.code]).toEqual([method, path, code]);
      }
    }
    for (const path of ['..', 'd/..', '/etc', 'd/', '%00', '.']) {
      expect([path, (await send(runner, 'GET', `/sessions/s/files?path=${path}`)).code]).toEqual([
        path,
        'path_invalid',
      ]);
    }
    expect((await send(runner, 'GET', '/sessions/s/files?path=d&path=d')).code).toBe(
      'path_invalid',
    );
  });

  it('is not left where a folder and a link are swapped all the time', async () => {
    const repo = runner.repo('s');
    mkdirSync(join(repo, 'place'));
    writeFileSync(join(repo, 'place', 'secret'), 'PUBLIC');
    symlinkSync(outside, join(repo, 'link'));
    const swapper: ChildProcess = spawn(process.execPath, ['-e', SWAPPER], {
      cwd: repo,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => swapper.stdout!.once('data', resolve));
    const seen = new Map<string, number>();
    const note = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
    const until = Date.now() + 60_000;
    try {
      for (let round = 0; round < 300 || seen.size < 3; round += 1) {
        if (Date.now() > until) throw new Error(`only seen: ${[...seen.keys()].join()}`);
        const read = await send(runner, 'GET', '/sessions/s/files/place/secret');
        note(read.code ?? read.body.toString());
        const [listed, written] = await Promise.all([
          send(runner, 'GET', '/sessions/s/files?path=place'),
          send(runner, 'PUT', `/sessions/s/files/place/up/${round % 5}`, { body: 'x' }),
          send(runner, 'DELETE', `/sessions/s/files/place/up/${(round + 1) % 5}`),
        ]);
        expect([200, 404, 409]).toContain(listed.status);
        expect([201, 204, 404, 409]).toContain(written.status);
        if (round % 20 === 0) {
          const archive = await send(runner, 'GET', '/sessions/s/archive');
          expect(archive.body.includes('SECRET')).toBe(false);
        }
      }
    } finally {
      swapper.kill('SIGKILL');
    }
    expect([...seen.keys()].sort()).toEqual(['PUBLIC', 'file_not_found', 'not_a_folder']);
    expect(existsSync(join(outside, 'up'))).toBe(false);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('SECRET');
    for (const name of ['place', 'link', 'folder']) {
      rmSync(join(repo, name), { recursive: true, force: true });
    }
  }, 120_000);

  it('cannot make a download hang, or look whole, by cutting the file short', async () => {
    const path = join(runner.repo('s'), 'shrinking');
    writeFileSync(path, Buffer.alloc(64 * 1024 * 1024, 'x'));
    const outcome = await new Promise((resolve) => {
      request(`${runner.url}/sessions/s/files/shrinking`, (answer) => {
        answer.once('data', () => {
          writeFileSync(path, 'short');
          answer.on('data', () => undefined);
        });
        answer.on('error', (error: Error) => resolve(error.message));
        answer.on('end', () => resolve('whole'));
      }).end();
    });
    expect(outcome).toBe('aborted');
  });

  it('does not keep what a client has left', async () => {
    const path = join(runner.repo('s'), 'large');
    writeFileSync(path, Buffer.alloc(64 * 1024 * 1024, 'x'));
    await send(runner, 'GET', '/sessions/s/files/d/f');
    const before = openDescriptors(runner.pid);
    const leave = (place: string) =>
      new Promise<void>((resolve) => {
        const outgoing = request(
          `${runner.url}/sessions/s/${place}`,
          { agent: false },
          (answer) => {
            answer.on('error', () => undefined);
            answer.once('data', () => {
              answer.destroy();
              resolve();
            });
          },
        );
        outgoing.on('error', () => undefined).end();
      });
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([leave('files/large'), leave('archive'), leave('files/large')]);
    }
    await eventually(
      async () => openDescriptors(runner.pid),
      (count) => count <= before,
    );
  });
});

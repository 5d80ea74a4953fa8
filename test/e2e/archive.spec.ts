import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { act, send } from '../support/files.js';
import { Runner } from '../support/runner.js';

describe('the archive of a session', () => {
  let runner: Runner;
  let target: string;
  beforeAll(async () => {
    runner = await Runner.start();
    target = mkdtempSync(join(tmpdir(), 'fermilink-archive-'));
  });
  afterAll(async () => {
    rmSync(target, { recursive: true });
    await runner.stop();
  });

  it('has all files and folders, links as links, and nothing else', async () => {
    const long = 'n'.repeat(200);
    await act(
      runner,
      's',
      [
        `mkdir -p ü/${long}/${long}; printf long > ü/${long}/${long}/${long}; chmod 755 ü/${long}/${long}/${long}`,
        'ln -s /etc etc; ln -s nowhere dangling; mkfifo fifo; : > empty; mkdir hollow',
        'mkdir -p sub/.git; : > sub/.git/config; : > "$(printf "caf\\351")"',
      ].join('; '),
    );
    const large = Buffer.alloc(5 * 1024 * 1024, 'large');
    writeFileSync(join(runner.repo('s'), 'large'), large);
    const answer = await send(runner, 'GET', '/sessions/s/archive');
    expect(answer.headers).toMatchObject({
      'content-type': 'application/gzip',
      'content-disposition': 'attachment; filename=s.tar.gz',
    });
    execFileSync('tar', ['xz', '-C', target], { input: answer.body });
    expect(readdirSync(target).sort()).toEqual(
      [
        ...['AGENTS.md', 'dangling', 'empty', 'etc', 'hollow', 'large', 'outputs', 'projects'],
        ...['sub', 'ü'],
      ].sort(),
    );
    expect(readdirSync(join(target, 'sub'))).toEqual([]);
    expect(readlinkSync(join(target, 'etc'))).toBe('/etc');
    expect(readFileSync(join(target, 'large')).equals(large)).toBe(true);
    const file = join(target, 'ü', long, long, long);
    expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual(['long', 0o755]);
    const withGit = await send(runner, 'GET', '/sessions/s/archive?include=git');
    const names = execFileSync('tar', ['tz'], { input: withGit.body }).toString().split('\n');
    expect(names).toEqual(expect.arrayContaining(['.git/HEAD', 'sub/.git/config']));
    expect((await send(runner, 'GET', '/sessions/s/archive?include=x')).code).toBe(
      'invalid_request',
    );
    const head = await send(runner, 'HEAD', '/sessions/s/archive');
    expect([head.status, head.body.length]).toEqual([200, 0]);
  });

  it('can be had again as soon as its end has been seen', async () => {
    await act(runner, 'again', 'head -c 100000 /dev/urandom > noise');
    const statuses = new Set<number>();
    for (let round = 0; round < 30; round += 1) {
      statuses.add((await send(runner, 'GET', '/sessions/again/archive')).status);
    }
    expect([...statuses]).toEqual([200]);
  });

  it('goes as deep as there is something, with few descriptors', async () => {
    const deep = 'i=0; while [ $i -lt 600 ]; do mkdir d; cd d; i=$((i+1)); done; echo down > here';
    await act(runner, 'deep', deep);
    mkdirSync(join(runner.repo('deep'), 'd', 'beside'));
    const answer = await send(runner, 'GET', '/sessions/deep/archive');
    const names = execFileSync('tar', ['tz'], {
      input: answer.body,
      maxBuffer: 1 << 28,
    }).toString();
    expect(names.split('\n')).toEqual(
      expect.arrayContaining([`${'d/'.repeat(600)}here`, 'd/beside', 'projects/memory.md']),
    );
  });
});

import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAULTY } from '../support/faulty.js';
import { inForm, report } from '../support/form.js';
import { descriptorsOf, eventually } from '../support/processes.js';
import { printedRandomNumbers, shuffled } from '../support/random.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { getRun, startRun, untilEnded, untilIdle } from '../support/runs.js';

/** Every place of a session that the server reads or writes. */
const PLACES = [
  ...['.', 'repo', '.repo-unfinished', '.git-unfinished', '.package_manifest.json'],
  ...['AGENTS.md', 'CLAUDE.md', 'GEMINI.md', '.git', '.git/HEAD', '.git/config', 'projects'].map(
    (it) => `repo/${it}`,
  ),
  ...[
    'projects/memory.md',
    'outputs',
    'external_packages',
    'external_packages/two',
    'solver.py',
  ].map((it) => `repo/${it}`),
];

/** What is looked at only where the finished thing is missing. */
const FINISHED: Record<string, string> = {
  '.repo-unfinished': 'repo',
  '.git-unfinished': 'repo/.git',
};

const servers: Server[] = [];
const mknod = (...type: string[]) => {
  return (path: string) => void execFileSync('mknod', [path, ...type]);
};

const PLANTS: Record<string, { plant: (path: string, outside: string) => unknown; is: RegExp }> = {
  'a FIFO': { plant: mknod('p'), is: /^fifo/ },
  'a character device that never ends': { plant: mknod('c', '1', '5'), is: /^character/ },
  'a character device that never answers': { plant: mknod('c', '5', '0'), is: /^character/ },
  'a block device': { plant: mknod('b', '7', '200'), is: /^block/ },
  'a socket': {
    plant: (path) =>
      new Promise<void>((resolve) => {
        // By a short way: the path of a socket is limited to some hundred bytes.
        const folder = mkdtempSync(join(tmpdir(), 's-'));
        const server = createServer().listen(join(folder, 's'), () => {
          execFileSync('mv', [join(folder, 's'), path]);
          rmSync(folder, { recursive: true });
          resolve();
        });
        servers.push(server);
      }),
    is: /^socket/,
  },
  'a link to a FIFO': {
    plant: (path, outside) => symlinkSync(join(outside, 'fifo'), path),
    is: /^symbolic link/,
  },
  'a link to a folder': {
    plant: (path, outside) => symlinkSync(join(outside, 'folder'), path),
    is: /^symbolic link/,
  },
  'a link to a file': {
    plant: (path, outside) => symlinkSync(join(outside, 'file'), path),
    is: /^symbolic link/,
  },
  'a link to itself': { plant: (path) => symlinkSync(path, path), is: /^symbolic link/ },
};

const ALL = PLACES.flatMap((place) => Object.keys(PLANTS).map((name) => ({ place, name })));
/** What a run in such a workspace may fail with. */
const CLEAR = ['workspace_failed', 'memory_file_failed', 'overlay_refused'];

describe('what is planted in a workspace', () => {
  const random = printedRandomNumbers();
  const cases = shuffled(ALL, random).slice(0, inForm(ALL.length, 20));
  const home = temporaryFolder();
  const outside = join(home, 'outside');
  let runner: Runner;

  beforeAll(async () => {
    mkdirSync(join(outside, 'folder'), { recursive: true });
    writeFileSync(join(outside, 'file'), 'untouched');
    writeFileSync(join(outside, 'folder', 'inner'), 'untouched');
    execFileSync('mkfifo', [join(outside, 'fifo')]);
    const pkg = join(home, 'package');
    mkdirSync(pkg);
    writeFileSync(join(pkg, 'solver.py'), '');
    const packages = join(home, 'fermilink', 'scientific_packages');
    mkdirSync(packages, { recursive: true });
    writeFileSync(
      join(packages, 'registry.json'),
      JSON.stringify({
        version: 1,
        active_package: 'one',
        packages: {
          one: { installed_path: pkg, dependency_package_ids: ['two'] },
          two: { installed_path: pkg },
        },
      }),
    );
    runner = await Runner.start(FAULTY, home);
  });
  afterAll(async () => {
    for (const server of servers) server.close();
    await runner.stop();
  });

  const kindOf = (path: string) =>
    execFileSync('stat', ['--format=%F', path], { encoding: 'utf8' }).trim();

  it(`harms neither that run nor others: ${cases.length} of ${ALL.length} cases`, async () => {
    const outcomes: Record<string, number> = {};
    const descriptors = descriptorsOf(runner.pid);
    let slowest = 0;
    const check = async (index: number, { place, name }: (typeof cases)[number]) => {
      const session = `planted-${index}`;
      const what = `${name} as ${place}`;
      await untilEnded(
        runner,
        await startRun(runner, { user_prompt: 'true', session_id: session }),
      );
      const path = join(runner.workspaces, session, place);
      rmSync(path, { recursive: true, force: true });
      const finished = FINISHED[place];
      if (finished !== undefined) {
        rmSync(join(runner.workspaces, session, finished), { recursive: true });
      }
      await PLANTS[name]!.plant(path, outside);
      expect([what, kindOf(path)]).toEqual([what, expect.stringMatching(PLANTS[name]!.is)]);

      const began = performance.now();
      const [hostile, other] = await Promise.all([
        startRun(runner, { user_prompt: 'echo here', session_id: session }),
        startRun(runner, { user_prompt: 'echo there', session_id: `other-${index}` }),
      ]);
      const { state, code, detail } = await untilEnded(runner, hostile, 20);
      slowest = Math.max(slowest, performance.now() - began);
      // It ran in a workspace that is mended, or says clearly what is in the way.
      if (state === 'failed') {
        expect([what, CLEAR]).toEqual([what, expect.arrayContaining([code])]);
        expect([what, detail]).toEqual([what, expect.not.stringContaining(home)]);
      } else expect([what, state]).toEqual([what, 'completed']);
      outcomes[String(code ?? state)] = (outcomes[String(code ?? state)] ?? 0) + 1;
      expect([what, (await untilEnded(runner, other, 20)).state]).toEqual([what, 'completed']);
      rmSync(join(runner.workspaces, session), { recursive: true, force: true });
    };
    const left = [...cases.entries()];
    const worker = async () => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) await check(...next);
    };
    await Promise.all(Array.from({ length: 5 }, worker));
    // All threads that open files are free: as many runs as there are, and more, get through at once.
    const after = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        startRun(runner, { user_prompt: 'true', session_id: `after-${index}` }),
      ),
    );
    for (const id of after) expect((await untilEnded(runner, id)).state).toBe('completed');
    for (const path of ['/health/live', '/health/ready', '/metrics', '/ops/concurrency']) {
      expect([path, (await fetch(runner.url + path)).status]).toEqual([path, 200]);
    }
    for (const file of ['file', 'folder/inner']) {
      expect(readFileSync(join(outside, file), 'utf8')).toBe('untouched');
    }
    await untilIdle(runner);
    await eventually(
      () => descriptorsOf(runner.pid),
      (now) => now <= descriptors + 20,
    );
    expect(runner.stderr).toBe('');
    report('planted', { ...outcomes, slowestMs: Math.round(slowest) });
  }, 600_000);

  it('may be in the folder for temporary files, too, which is removed all the same', async () => {
    const id = await startRun(runner, {
      user_prompt:
        'mkfifo $TMPDIR/fifo; mknod $TMPDIR/zero c 1 5; ln -s / $TMPDIR/root; mkdir -p $TMPDIR/a; ' +
        'chmod 0 $TMPDIR/a; stat --format=%F $TMPDIR/fifo $TMPDIR/zero; echo $TMPDIR',
    });
    const run = await untilEnded(runner, id);
    expect(run.state).toBe('completed');
    const text = await (await fetch(`${runner.url}/runs/${id}/events`)).text();
    expect(text).toContain('data: fifo');
    expect(text).toContain('data: character special file');
    const folder = /^data: (\/.*)$/m.exec(text)![1]!;
    expect(() => lstatSync(folder)).toThrow('ENOENT');
    expect((await getRun(runner, id)).last_event_id).toBe(5);
  });
});

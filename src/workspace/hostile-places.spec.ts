import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { RunnerError } from '../common/errors.js';
import { kindOf } from '../common/regular-file.js';
import { WorkspacesFixture } from '../../test/support/workspaces.js';
import { loadConfig } from '../config/load-config.js';

type Plant =
  | 'a link to a file'
  | 'a link to a folder'
  | 'a dangling link'
  | 'a link to itself'
  | 'a FIFO'
  | 'a socket'
  | 'a folder with content'
  | 'a file of 8 MB';
/** What a run does about it; a code means that it fails and says what has to go. */
type Outcome = 'kept' | 'replaced' | 'removed' | 'workspace_failed' | 'memory_file_failed';

const isLink = (plant: Plant) => plant.includes('link');
const isFile = (plant: Plant) => plant === 'a file of 8 MB';
const isFolder = (plant: Plant) => plant === 'a folder with content';
const onlyFolder = (plant: Plant): Outcome => (isFolder(plant) ? 'kept' : 'workspace_failed');

/** Every place of a workspace where the server reads or writes, and what becomes of a plant there. */
const PLACES: Record<string, (plant: Plant) => Outcome> = {
  s: onlyFolder,
  's/repo': onlyFolder,
  's/.repo-unfinished': () => 'removed',
  's/.package_manifest.json': () => 'replaced',
  's/repo/AGENTS.md': () => 'replaced',
  's/repo/CLAUDE.md': () => 'replaced',
  // The alias of another provider: only links are taken away.
  's/repo/GEMINI.md': (plant) => (isLink(plant) ? 'removed' : 'kept'),
  's/repo/.git': () => 'replaced',
  's/repo/.git/HEAD': (plant) => (isFile(plant) ? 'kept' : 'replaced'),
  's/.git-unfinished': () => 'removed',
  's/repo/projects': onlyFolder,
  's/repo/projects/memory.md': (plant) => (isFile(plant) ? 'kept' : 'memory_file_failed'),
  's/repo/outputs': onlyFolder,
  // Collisions of the overlay.
  's/repo/external_packages': () => 'kept',
  's/repo/solver.py': () => 'kept',
};

const FINISHED: Record<string, string> = {
  's/.repo-unfinished': 's/repo',
  's/.git-unfinished': 's/repo/.git',
};

type Planting = (path: string, outside: string) => void | Promise<void>;

const servers: Server[] = [];
const PLANTS: Record<Plant, Planting> = {
  'a link to a file': (path, outside) => symlinkSync(join(outside, 'file'), path),
  'a link to a folder': (path, outside) => symlinkSync(join(outside, 'folder'), path),
  'a dangling link': (path, outside) => symlinkSync(join(outside, 'nothing'), path),
  'a link to itself': (path) => symlinkSync(path, path),
  'a FIFO': (path) => void execFileSync('mkfifo', [path]),
  'a socket': (path) =>
    new Promise((resolve) => {
      // By a short way: the path of a socket is limited to some hundred bytes.
      const folder = mkdtempSync(join(tmpdir(), 's-'));
      const short = join(folder, 's');
      servers.push(
        createServer().listen(short, () => {
          execFileSync('mv', [short, path]);
          rmSync(folder, { recursive: true });
          resolve();
        }),
      );
    }),
  'a folder with content': (path) => {
    mkdirSync(join(path, 'deep'), { recursive: true });
    writeFileSync(join(path, 'deep', 'kept'), 'kept');
  },
  'a file of 8 MB': (path) => writeFileSync(path, Buffer.alloc(8_000_000, 'x')),
};

const CASES = Object.entries(PLACES).flatMap(([place, outcomeOf]) =>
  (Object.keys(PLANTS) as Plant[]).map((plant) => [place, plant, outcomeOf(plant)] as const),
);

/** Tells an entry from any other that takes its place. */
function identityOf(path: string): string {
  const { ino, birthtimeNs } = lstatSync(path, { bigint: true });
  return `${ino}:${birthtimeNs}`;
}

describe('what an agent may have planted in its workspace', () => {
  let home: string;
  let root: string;
  let outside: string;
  let workspaces: WorkspacesFixture;

  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'fermilink-hostile-'));
    const pkg = join(home, 'package');
    mkdirSync(pkg);
    writeFileSync(join(pkg, 'solver.py'), '');
    const packages = join(home, 'scientific_packages');
    mkdirSync(packages);
    const registry = {
      version: 1,
      active_package: 'one',
      packages: {
        one: { installed_path: pkg, dependency_package_ids: ['two'] },
        two: { installed_path: pkg },
      },
    };
    writeFileSync(join(packages, 'registry.json'), JSON.stringify(registry));
    const config = loadConfig({ FERMILINK_HOME: home, PATH: process.env.PATH });
    root = config.workspacesRoot;
    workspaces = new WorkspacesFixture(config);
  });
  afterAll(async () => {
    await workspaces.dispose();
    rmSync(home, { recursive: true, force: true });
  });

  beforeEach(() => {
    outside = mkdtempSync(join(tmpdir(), 'fermilink-outside-'));
    mkdirSync(join(outside, 'folder'));
    writeFileSync(join(outside, 'file'), 'untouched');
    writeFileSync(join(outside, 'folder', 'inner'), 'untouched');
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    rmSync(join(root, 's'), { recursive: true, force: true });
    rmSync(outside, { recursive: true, force: true });
  });

  const prepare = () => workspaces.prepare('s', { providerId: 'claude' });
  const outsideNow = () =>
    ['file', 'folder/inner'].map((name) => {
      const { mtimeMs, ino, mode } = statSync(join(outside, name));
      return [name, readFileSync(join(outside, name), 'utf8'), mtimeMs, ino, mode];
    });
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const isGood = () => {
    const repo = join(root, 's', 'repo');
    for (const name of ['AGENTS.md', 'projects/memory.md', '.git/HEAD']) {
      expect(lstatSync(join(repo, name)).isFile()).toBe(true);
    }
    expect(lstatSync(join(repo, 'outputs')).isDirectory()).toBe(true);
    expect(readFileSync(join(repo, 'CLAUDE.md'), 'utf8')).toContain('# Working in this workspace');
  };

  it.each(CASES)('%s as %s is %s', async (place, plant, outcome) => {
    await prepare();
    isGood();
    const before = [outsideNow(), readdirSync(outside), readdirSync(join(outside, 'folder'))];
    const path = join(root, place);
    rmSync(path, { recursive: true, force: true });
    // What is unfinished is looked at only where the finished thing is missing.
    const finished = FINISHED[place];
    if (finished !== undefined) rmSync(join(root, finished), { recursive: true });
    await PLANTS[plant](path, outside);
    const planted = identityOf(path);
    const found = kindOf(lstatSync(path));
    const openBefore = descriptors();
    const refusal: unknown = await prepare().then(
      () => null,
      (error: unknown) => error,
    );
    expect(descriptors()).toBe(openBefore);
    expect([outsideNow(), readdirSync(outside), readdirSync(join(outside, 'folder'))]).toEqual(
      before,
    );
    if (outcome === 'workspace_failed' || outcome === 'memory_file_failed') {
      expect(refusal).toBeInstanceOf(RunnerError);
      const { code, detail } = refusal as RunnerError;
      expect(code).toBe(outcome);
      expect(detail).toMatch(`${found}, but it must be a `);
      expect(detail).not.toContain(home);
      // It says what has to go, and then the session works again.
      rmSync(path, { recursive: true, force: true });
      mkdirSync(dirname(path), { recursive: true });
      await prepare();
    } else {
      expect(refusal).toBeNull();
      const now = lstatSync(path, { throwIfNoEntry: false });
      expect(now === undefined).toBe(outcome === 'removed');
      if (now !== undefined) expect(identityOf(path) === planted).toBe(outcome === 'kept');
    }
    isGood();
  });
});

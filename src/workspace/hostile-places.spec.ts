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
import { loadConfig } from '../config/load-config.js';
import { OverlayPlacement } from '../packages/overlay-placement.js';
import { OverlayService } from '../packages/overlay.service.js';
import { PackageRegistry } from '../packages/package-registry.js';
import { PackageResolver } from '../packages/package-resolver.js';
import { GitRepositoryService } from './git-repository.service.js';
import { InstructionFilesService } from './instruction-files.service.js';
import { WorkspaceService } from './workspace.service.js';

/** Every place of a workspace where the server reads or writes. */
const PLACES = [
  's',
  's/repo',
  's/.repo-unfinished',
  's/.package_manifest.json',
  's/repo/AGENTS.md',
  's/repo/CLAUDE.md',
  's/repo/GEMINI.md',
  's/repo/.git',
  's/repo/.git/HEAD',
  's/.git-unfinished',
  's/repo/projects',
  's/repo/projects/memory.md',
  's/repo/outputs',
  's/repo/external_packages',
  's/repo/solver.py',
];

const FINISHED: Record<string, string> = {
  's/.repo-unfinished': 's/repo',
  's/.git-unfinished': 's/repo/.git',
};

type Plant = (path: string, outside: string) => void | Promise<void>;

const servers: Server[] = [];
const PLANTS: Record<string, Plant> = {
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

const CASES = PLACES.flatMap((place) =>
  Object.keys(PLANTS).map((plant) => [place, plant] as const),
);
/** What a run may end with; everything else is not a clear answer. */
const CLEAR = ['workspace_failed', 'memory_file_failed', 'overlay_refused'];

describe('what an agent may have planted in its workspace', () => {
  let home: string;
  let root: string;
  let outside: string;
  let workspaces: WorkspaceService;
  let git: GitRepositoryService;

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
    const resolver = new PackageResolver(config, new PackageRegistry(config));
    git = new GitRepositoryService(config);
    workspaces = new WorkspaceService(
      config,
      resolver,
      new OverlayService(resolver, new OverlayPlacement()),
      new InstructionFilesService(config),
      git,
    );
  });
  afterAll(async () => {
    await git.onModuleDestroy();
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

  const prepare = async () => {
    const { repo } = await workspaces.prepare({
      sessionId: 's',
      prompt: 'a prompt',
      requestedPackageId: null,
      providerId: 'claude',
      signal: new AbortController().signal,
    });
    await repo.close();
  };
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

  it.each(CASES)('%s as %s changes nothing outside and hangs nothing', async (place, plant) => {
    await prepare();
    isGood();
    const before = [outsideNow(), readdirSync(outside), readdirSync(join(outside, 'folder'))];
    const path = join(root, place);
    rmSync(path, { recursive: true, force: true });
    // What is unfinished is looked at only where the finished thing is missing.
    const finished = FINISHED[place];
    if (finished !== undefined) rmSync(join(root, finished), { recursive: true });
    await PLANTS[plant]!(path, outside);
    const openBefore = descriptors();
    let refusal: unknown = null;
    try {
      await prepare();
    } catch (error) {
      refusal = error;
    }
    expect(descriptors()).toBe(openBefore);
    expect([outsideNow(), readdirSync(outside), readdirSync(join(outside, 'folder'))]).toEqual(
      before,
    );
    if (refusal === null) {
      isGood();
    } else {
      expect(refusal).toBeInstanceOf(RunnerError);
      const { code, detail } = refusal as RunnerError;
      expect(CLEAR).toContain(code);
      expect(detail).not.toContain(home);
      // It says what has to go, and then the session works again.
      rmSync(path, { recursive: true, force: true });
      mkdirSync(dirname(path), { recursive: true });
      await prepare();
      isGood();
    }
  });
});

import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BadCase, crossed } from './bad-case.js';
import { CANARY } from './suite.js';

const NOT_A_FILE = { status: 409, code: 'not_a_file' } as const;
const NOT_A_FOLDER = { status: 409, code: 'not_a_folder' } as const;
const REMOVED = { status: 204, code: null } as const;

/** The session in whose `repo/` the traps stand. */
export const TRAPS = 'traps';

/** Links by name, and where they lead; `HOME` is the folder in which everything of the server lies. */
const LINKS: Readonly<Record<string, string>> = {
  'to-file': 'HOME/canary',
  'to-file-relatively': '../../canary',
  'to-folder': 'HOME/outside',
  'to-folder-relatively': '../../../../outside',
  'to-link': 'to-file',
  'to-itself': 'to-itself',
  'to-nothing': 'HOME/outside/new',
  'to-root': '/',
  'to-environment': '/proc/self/environ',
  'to-descriptors': '/proc/self/fd',
  'to-zeros': '/dev/zero',
  'to-terminal': '/dev/stdin',
  'to-own-file': 'HOME/fermilink/workspaces/traps/repo/own',
  'to-own-folder': 'folder',
  'to-neighbour': 'HOME/fermilink/workspaces/known/repo',
  'to-here': '.',
  'to-above': '..',
};
/** What is neither file nor folder nor link. */
const SPECIALS = ['fifo', 'socket', 'device'];

/** Puts traps into a session, each one also under the name of each method that takes it away. */
export function plant(repo: string, home: string): void {
  mkdirSync(join(home, 'outside', 'deep'), { recursive: true });
  writeFileSync(join(home, 'outside', 'secret'), CANARY);
  writeFileSync(join(home, 'outside', 'deep', 'secret'), CANARY);
  mkdirSync(join(repo, 'folder'));
  writeFileSync(join(repo, 'own'), 'own');
  for (const suffix of ['', '.put', '.delete']) {
    for (const [name, target] of Object.entries(LINKS)) {
      symlinkSync(target.replace('HOME', home), join(repo, name + suffix));
      symlinkSync(target.replace('HOME', home), join(repo, 'folder', name + suffix));
    }
    execFileSync('mkfifo', [join(repo, `fifo${suffix}`)]);
    makeSocket(join(repo, `socket${suffix}`));
    try {
      execFileSync('mknod', [join(repo, `device${suffix}`), 'c', '1', '5'], { stdio: 'ignore' });
    } catch {
      // Only root makes devices; to the server a FIFO is no less special.
      execFileSync('mkfifo', [join(repo, `device${suffix}`)]);
    }
  }
}

function makeSocket(path: string): void {
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  try {
    execFileSync(process.execPath, ['-e', script], { stdio: 'ignore' });
  } catch {
    // It ends itself so that the socket stays.
  }
}

const at = (method: string, path: string): BadCase => ({
  name: `${method} ${path}`,
  method,
  path: `/sessions/${TRAPS}/files/${path}`,
  body: method === 'PUT' ? 'overwritten' : undefined,
  ...NOT_A_FILE,
});

const names = [...Object.keys(LINKS), ...SPECIALS];
const below = ['x', 'secret', 'deep/secret', 'etc/hostname', '0', 'AGENTS.txt'];
/** What is changed by a server that follows links may be nothing but the test's own. */
const ownNames = names.filter((name) => !/^\//.test(LINKS[name] ?? ''));

/** Nobody reads through a link, or from what is no file. */
const reads: BadCase[] = [
  ...crossed(['GET', 'HEAD'], names, (method, name) => at(method, name)),
  ...crossed(['GET', 'HEAD'], Object.keys(LINKS), (method, name) => at(method, `folder/${name}`)),
];

/** Nobody gets behind one, whatever is asked for there. */
const behind: BadCase[] = [
  ...crossed(['GET', 'HEAD'], names.flatMap(allBelow), at),
  ...crossed(['PUT', 'DELETE'], ownNames.flatMap(allBelow), at),
].map((bad) => ({ ...bad, ...NOT_A_FOLDER }));

function allBelow(name: string): string[] {
  return below.map((rest) => `${name}/${rest}`);
}

/** Neither lists it, nor what is behind it. */
const lists: BadCase[] = names.flatMap((name) =>
  [name, `${name}/deep`, `folder/${name}`]
    .filter((path) => !/^folder\/(fifo|socket|device)$/.test(path))
    .map((path) => ({
      name: path,
      path: `/sessions/${TRAPS}/files?path=${path}`,
      ...NOT_A_FOLDER,
    })),
);

/** A change takes the link itself, and leaves alone to what it leads. */
const changes: BadCase[] = crossed(['PUT', 'DELETE'], ownNames, (method, name) => ({
  ...at(method, `${name}.${method.toLowerCase()}`),
  ...REMOVED,
}));

export const planted = {
  'traps that are read': reads,
  'traps on the way': behind,
  'traps that are listed': lists,
  'traps that are replaced': changes,
};

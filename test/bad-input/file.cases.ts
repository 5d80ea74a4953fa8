import { type BadCase, crossed, short } from './bad-case.js';

const INVALID = { status: 400, code: 'path_invalid' } as const;
const ABSENT = { status: 404, code: 'file_not_found' } as const;
const NOWHERE = { status: 404, code: 'not_found' } as const;
const RESERVED = { status: 403, code: 'path_reserved' } as const;
const NOT_A_FILE = { status: 409, code: 'not_a_file' } as const;
const NOT_A_FOLDER = { status: 409, code: 'not_a_folder' } as const;

/** Ways to write a path that lead out of `repo/` where somebody takes them literally. */
const INVALID_PATHS = [
  '.',
  '..',
  '../',
  './f',
  'f/.',
  'd/..',
  'd/../f',
  'd/./f',
  'd//f',
  '/f',
  '//f',
  'f/',
  'f//',
  '../known/repo/f',
  '../../canary',
  '../../../../canary',
  '../.package_manifest.json',
  `${'../'.repeat(600)}nowhere/x`,
  '%2e',
  '%2e%2e',
  '.%2e/f',
  '%2e./f',
  '%2E%2E%2F%2E%2E%2Fcanary',
  '..%2f',
  '..%2f..%2fcanary',
  '%2f',
  '%2fnowhere%2fx',
  '/nowhere/x',
  '%2fproc%2fnowhere',
  'd%2ff',
  'd%2f..%2ff',
  'f%00',
  '%00',
  'f%00.txt',
  '..%00',
  '%00/../f',
  'a'.repeat(256),
  'a'.repeat(5000),
  '%c3%a4'.repeat(128),
  `${'a/'.repeat(2100)}a`,
  `${'..%2f'.repeat(1000)}x`,
];

/** Nothing stands there, and nothing else is reached: they are names like any other. */
const STRANGE_PATHS = [
  '%252e%252e/x',
  '%252e%252e%252fcanary',
  '%252fnowhere%252fx',
  '%25%32%65%25%32%65/x',
  '..%5c..%5ccanary',
  '..\\..\\canary',
  'C:%5cWindows',
  '...',
  '.../x',
  '..;/x',
  '..%20/x',
  '.%20.',
  '%20',
  '~/x',
  '~root/x',
  '$PATH/x',
  '$(id)',
  '`id`',
  '%0a',
  '%0d%0aX-Injected:%20x',
  '%1b[31m',
  '%7f',
  '%e2%80%ae',
  '%ef%bc%8f',
  '%ef%bc%8e%ef%bc%8e',
  '__proto__',
  'constructor/prototype',
  'hasOwnProperty',
  'toString',
  '*',
  '%3f',
  '%23',
  '-rf',
  '--help',
  'null',
  'undefined',
  'CON',
  'a'.repeat(255),
  `${'a/'.repeat(1000)}a`,
];

const UNDECODABLE_PATHS = [
  '%ff',
  'd/f%ff',
  '%c0%ae%c0%ae/x',
  '%c0%af',
  '%e0%80%ae%e0%80%ae/x',
  '%f0%80%80%af',
  '%ed%a0%80',
  '%fe%ff',
  '%',
  'f%',
  '%2',
  '%zz',
  '%u002e%u002e/x',
];

const METHODS = ['GET', 'HEAD', 'PUT', 'DELETE'];

const at = (method: string, path: string, session = 'known') => ({
  name: `${method} ${short(path)}`,
  method,
  path: `/sessions/${session}/files/${path}`,
  body: method === 'PUT' ? 'x' : undefined,
});

const names: BadCase[] = [
  ...crossed(METHODS, INVALID_PATHS, (method, path) => ({ ...at(method, path), ...INVALID })),
  ...crossed(['GET', 'HEAD', 'DELETE'], STRANGE_PATHS, (method, path) => ({
    ...at(method, path),
    ...ABSENT,
  })),
  ...crossed(METHODS, UNDECODABLE_PATHS, (method, path) => ({ ...at(method, path), ...NOWHERE })),
];

/** Folders to list; a slash stands between components whether it is encoded or not. */
const folders: BadCase[] = [
  ...[
    '.',
    '..',
    'd/..',
    '../known',
    '/',
    '/etc',
    '%2fetc',
    'd/',
    'd//e',
    './d',
    '%2e%2e',
    '..%2f..',
    '%00',
    'd%00',
    'a'.repeat(256),
    `${'a/'.repeat(2100)}a`,
    'd&path=d',
    '../'.repeat(900),
  ].map((path) => ({ path, expected: INVALID })),
  ...['none', '%252e%252e', '..%5c..', '__proto__', 'constructor', '~', '*', '%ff', '%c0%ae'].map(
    (path) => ({ path, expected: ABSENT }),
  ),
  ...['f', 'f/x', 'd/f/x'].map((path) => ({ path, expected: NOT_A_FOLDER })),
].map(({ path, expected }) => ({
  name: `path=${short(path)}`,
  path: `/sessions/known/files?path=${path}`,
  ...expected,
}));

/** What the server itself puts there, or git starts programs from. */
const reserved: BadCase[] = crossed(
  ['PUT', 'DELETE'],
  [
    'AGENTS.md',
    'agents.md',
    'Agents.MD',
    'AGENTS.md/x',
    'CLAUDE.md',
    'GEMINI.md',
    '.git',
    '.git/config',
    '.git/hooks/pre-commit',
    '.GIT/config',
    '.Git/x',
    'd/.git/config',
    'd/e/.git',
    '%2egit/config',
    '%2e%67%69%74/hooks/post-checkout',
  ],
  (method, path) => ({ ...at(method, path), ...RESERVED }),
);

/** Files as folders, and folders as files. */
const kinds: BadCase[] = [
  ...crossed(METHODS, ['d', 'd/e'], (method, path) => ({ ...at(method, path), ...NOT_A_FILE })),
  ...crossed(METHODS, ['f/x', 'f/x/y', 'd/f/x'], (method, path) => ({
    ...at(method, path),
    ...NOT_A_FOLDER,
  })),
]
  .filter(({ method, path }) => method !== 'DELETE' || !/\/(d|e)$/.test(path ?? ''))
  .concat({ ...at('DELETE', 'd'), status: 409, code: 'folder_not_empty' });

const WHOLE = { status: 200, code: null } as const;
const NOT_IN_IT = { status: 416, code: 'range_not_satisfiable' } as const;

/** `f` has ten bytes. */
const ranges: BadCase[] = [
  ...[
    '',
    'x',
    'bytes',
    'bytes=x',
    'bytes=x-y',
    'bytes 0-1',
    'lines=0-1',
    'bytes=0-0,2-3',
    `bytes=${'0-1,'.repeat(3000)}0-1`,
    '0-1',
    'none',
    '\u0001',
  ].map((range) => ({ range, expected: WHOLE })),
  ...['bytes=10-', 'bytes=10-20', 'bytes=5-2', `bytes=${'9'.repeat(400)}-`, 'bytes=100-200'].map(
    (range) => ({ range, expected: NOT_IN_IT }),
  ),
]
  .filter(({ range }) => range !== '\u0001')
  .flatMap(({ range, expected }) =>
    ['GET', 'HEAD'].map((method) => ({
      ...at(method, 'f'),
      name: `${method} Range: ${short(range)}`,
      headers: [['Range', range]] as const,
      ...expected,
    })),
  );

const CHANGED = { status: 412, code: 'precondition_failed' } as const;

/** What is no ETag of the file, or none that lets a change pass. */
const conditions: BadCase[] = [
  ...crossed(
    ['PUT', 'DELETE'],
    [
      '"other"',
      'W/"other"',
      '',
      ',',
      '""',
      'x',
      '"',
      'ETAG\\',
      '*, "x"',
      '**',
      '" * "',
      'null',
      '__proto__',
      '"a"'.repeat(2000),
      ','.repeat(4000),
    ],
    (method, tag) => ({
      ...at(method, 'f'),
      name: `${method} If-Match: ${short(tag)}`,
      headers: [['If-Match', tag]] as const,
      ...CHANGED,
    }),
  ),
  ...crossed(['PUT', 'DELETE'], ['*', 'ETAG', '"x", ETAG', 'W/ETAG'], (method, tag) => ({
    ...at(method, 'f'),
    name: `${method} If-None-Match: ${tag}`,
    headers: [['If-None-Match', tag]] as const,
    ...CHANGED,
  })),
  ...crossed(['PUT'], ['*', '"x"'], (method, tag) => ({
    ...at(method, 'none'),
    name: `${method} If-Match: ${tag} where nothing is`,
    headers: [['If-Match', tag]] as const,
    ...CHANGED,
  })),
  ...crossed(['GET', 'HEAD'], ['"x"', 'x', '', ',,', '"'], (method, tag) => ({
    ...at(method, 'f'),
    name: `${method} If-None-Match: ${tag}`,
    headers: [['If-None-Match', tag]] as const,
    ...WHOLE,
  })),
  ...crossed(['GET', 'HEAD'], ['x', '"x"', 'W/ETAG', 'yesterday', ''], (method, tag) => ({
    ...at(method, 'f'),
    name: `${method} If-Range: ${tag}`,
    headers: [
      ['Range', 'bytes=1-2'],
      ['If-Range', tag],
    ] as const,
    ...WHOLE,
  })),
];

export const files = {
  'file paths': names,
  folders,
  reserved,
  'kinds of files': kinds,
  ranges,
  conditions,
};

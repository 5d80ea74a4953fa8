import { type BadCase, crossed, invalid, short } from './bad-case.js';

const NOT_FOUND = { status: 404, code: 'session_not_found' } as const;
const NOWHERE = { status: 404, code: 'not_found' } as const;
const NOT_ALLOWED = { status: 405, code: 'method_not_allowed' } as const;

/** No session has such an id; most would lead elsewhere if they were taken as a path. */
const IDS = [
  'none',
  '..',
  '.',
  '%2e',
  '%2e%2e',
  '%2e.',
  '..%2fknown',
  'known%2f..%2fknown',
  'known%2frepo',
  '%2fnowhere',
  '%252e%252e',
  '%252e%252e%252fknown',
  '..%5cknown',
  'known%00',
  '%00',
  'known%0a',
  '%20known',
  'known%20',
  'known.',
  'known;x',
  'known:x',
  '.uploads',
  '.git',
  'canary',
  '-rf',
  '--help',
  '*',
  '~',
  '$PATH',
  '%ef%bc%8e%ef%bc%8e',
  'KNOWN',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'a'.repeat(129),
  'a'.repeat(5000),
];
/** What cannot be decoded. */
const BROKEN_IDS = ['%ff', '%c0%ae%c0%ae', '%e0%80%af', '%ed%a0%80', '%', '%2', '%zz', '%u002e'];

/** Every route of a session, from its id on. */
export const SESSION_ROUTES: readonly (readonly [method: string, rest: string])[] = [
  ['GET', ''],
  ['DELETE', ''],
  ['GET', '/files'],
  ['GET', '/files/f'],
  ['HEAD', '/files/f'],
  ['PUT', '/files/f'],
  ['DELETE', '/files/f'],
  ['GET', '/archive'],
  ['GET', '/git/log'],
  ['GET', '/git/diff'],
];

const ids = [
  ...crossed(IDS, SESSION_ROUTES, (id, [method, rest]) => ({
    name: `${method} ${short(id)}${rest}`,
    method,
    path: `/sessions/${id}${rest}`,
    body: method === 'PUT' ? 'x' : undefined,
    ...NOT_FOUND,
  })),
  ...crossed(BROKEN_IDS, SESSION_ROUTES, (id, [method, rest]) => ({
    name: `${method} ${id}${rest}`,
    method,
    path: `/sessions/${id}${rest}`,
    body: method === 'PUT' ? 'x' : undefined,
    ...NOWHERE,
  })),
];

const paths: BadCase[] = [
  '/sessions',
  '/sessions//files',
  '/sessions//files/f',
  '/sessions/known/x',
  '/sessions/known/file',
  '/sessions/known//files',
  '/sessions/known/archive/x',
  '/sessions/known/git',
  '/sessions/known/git/show',
  '/sessions/known/git/log/x',
  '/sessions/known/git/../files',
  '/sessions/known/archive.tar.gz',
  '/sessions/../sessions/known',
  '/sessions%2fknown',
].map((path) => ({ name: path, path, ...NOWHERE }));

const methods: BadCase[] = [
  ...crossed(['POST', 'PUT', 'PATCH', 'TRACE', 'PROPFIND', 'MKCOL'], [''], both),
  ...crossed(['POST', 'PUT', 'PATCH', 'DELETE'], ['/files'], both),
  ...crossed(['POST', 'PATCH', 'TRACE', 'MOVE', 'COPY', 'LOCK'], ['/files/f'], both),
  ...crossed(['POST', 'PUT', 'PATCH', 'DELETE'], ['/archive', '/git/log', '/git/diff'], both),
];

function both(method: string, rest: string): BadCase {
  return { name: `${method} ${rest}`, method, path: `/sessions/known${rest}`, ...NOT_ALLOWED };
}

const LIMITS = ['0', '-1', '1001', '1.5', '1e2', '0x10', 'x', '%00', '9'.repeat(400), '%d9%a3'];
const MORE_LIMITS = ['%205', '5%20', '%2b5', 'NaN', 'Infinity', 'null', '[]', '1,2', '1&limit=2'];

const limits = crossed(['files', 'git/log'], [...LIMITS, ...MORE_LIMITS], (rest, limit) => ({
  name: `${rest}: limit=${short(limit)}`,
  path: `/sessions/known/${rest}?limit=${limit}`,
  ...invalid('limit'),
}));

const CURSOR = { status: 400, code: 'cursor_invalid' } as const;
const CURSOR_UNKNOWN = { status: 400, code: 'cursor_unknown' } as const;
const NO_COMMIT = { status: 404, code: 'commit_not_found' } as const;

/** What git would take for something else than the id of a commit. */
const REVISIONS = [
  'HEAD',
  'HEAD@{0}',
  'HEAD~1',
  'main',
  'refs/heads/main',
  'refs/heads/../../x',
  '--output=MARKER',
  '-p',
  '--all',
  '--exec=touch%20MARKER',
  '--upload-pack=touch%20MARKER',
  '-O/etc/passwd',
  '--no-index%20/etc/passwd',
  'HEAD:AGENTS.md',
  ':/x',
  ':(top)',
  '@',
  '@{u}',
  '^COMMIT',
  'COMMIT^',
  'COMMIT~0',
  'COMMIT..COMMIT',
  'COMMIT:AGENTS.md',
  'COMMIT%00',
  'COMMIT%0a--output=MARKER',
  '%20COMMIT',
  'COMMIT/',
  '../COMMIT',
  'SHORT',
  'UPPER',
  '0'.repeat(40),
  'f'.repeat(40),
  '0'.repeat(64),
  'g'.repeat(40),
  'a'.repeat(5000),
  'TREE',
  '__proto__',
  'null',
  '*',
  '%ff',
  '%00',
];

const queries: BadCase[] = [
  ...REVISIONS.flatMap((revision): BadCase[] => [
    {
      name: `commit=${short(revision)}`,
      path: `/sessions/known/git/diff?commit=${revision}`,
      ...NO_COMMIT,
    },
    {
      name: `log from ${short(revision)}`,
      path: `/sessions/known/git/log?cursor=${revision}`,
      ...CURSOR_UNKNOWN,
    },
  ]),
  ...['_', '%00', '%ff', 'a', 'YQ==', 'Y Q', '[]', '*', 'YQ%3d', '..', '%2b%2f'].map((cursor) => ({
    name: `files: cursor=${cursor}`,
    path: `/sessions/known/files?cursor=${cursor.replace(' ', '%20')}`,
    ...CURSOR,
  })),
  ...(
    [
      ['files', 'cursor'],
      ['files', 'limit'],
      ['git/log', 'cursor'],
      ['git/log', 'limit'],
      ['git/diff', 'commit'],
      ['archive', 'include'],
    ] as const
  ).flatMap(([rest, field]): BadCase[] =>
    [`${field}=1&${field}=2`, `${field}[]=1&${field}[]=2`].slice(0, 1).map((query) => ({
      name: `${rest}: ${query}`,
      path: `/sessions/known/${rest}?${query}`,
      ...invalid(field),
    })),
  ),
  ...['all', 'GIT', 'git,all', '%20git', '.git', 'git%00', '__proto__', '../git', 'true', '1'].map(
    (word) => ({
      name: `archive: include=${word}`,
      path: `/sessions/known/archive?include=${word}`,
      ...invalid('include'),
    }),
  ),
];

export const sessions = {
  'session ids': ids,
  'session paths': paths,
  'session methods': methods,
  'session limits': limits,
  'session queries': queries,
};

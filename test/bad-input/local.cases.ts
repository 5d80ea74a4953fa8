import { type BadCase, crossed } from './bad-case.js';

const FORBIDDEN = { status: 403, code: 'forbidden' } as const;
const JSON_TYPE = ['Content-Type', 'application/json'] as const;

const HOSTS = [
  'evil.example',
  'evil.example:80',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  '128.0.0.1',
  '0.0.0.0',
  '[::2]',
  '[::ffff:8.8.8.8]',
  'localhost@evil.example',
  'localhost:80:80',
  'localhost/x',
  'localhost ',
  'localhost, evil.example',
  '127.0.0.1#',
  '0x7f000001.evil.example',
  '',
].map((host) => ({ what: `the Host ${JSON.stringify(host)}`, header: ['Host', host] as const }));

const ORIGINS = [
  'https://evil.example',
  'http://evil.example',
  'null',
  '',
  'http://localhost:1',
  'https://localhost',
  'http://localhost@evil.example',
  'http://localhost.evil.example',
  'file://',
  'chrome-extension://abc',
  'http://localhost/x',
  '*',
].map((origin) => ({
  what: `the Origin ${JSON.stringify(origin)}`,
  header: ['Origin', origin] as const,
}));

const PLACES: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/runs'],
  ['GET', '/sessions/known'],
  ['GET', '/sessions/known/files/AGENTS.md'],
  ['PUT', '/sessions/known/files/x'],
  ['DELETE', '/sessions/known'],
  ['GET', '/packages'],
  ['GET', '/policy'],
  ['GET', '/ops/sessions/idle'],
];

// "localhost " is trimmed by HTTP itself.
const foreign = [...HOSTS.filter(({ header }) => header[1] !== 'localhost '), ...ORIGINS];

/** Pages and names of elsewhere, where nothing says who may call. */
const elsewhere: BadCase[] = crossed(foreign, PLACES, ({ what, header }, [method, path]) => ({
  name: `${method} ${path}: ${what}`,
  method,
  path,
  headers: [header],
  body: method === 'PUT' ? 'x' : undefined,
  ...FORBIDDEN,
}));

/** What agents on the same machine might want to change. */
const unnamed: BadCase[] = (
  [
    ['POST', '/packages', '{"id":"x","path":"/"}'],
    ['PUT', '/packages/x/archive', 'x'],
    ['POST', '/packages/x/activate', '{}'],
    ['PUT', '/packages/x/overlay', '{"entries":[]}'],
    ['PUT', '/packages/x/dependencies', '{"package_ids":[]}'],
    ['DELETE', '/packages/x', undefined],
    ['PUT', '/policy', '{}'],
  ] as const
).flatMap(([method, path, body]) =>
  [undefined, 'Bearer x', 'Basic eDp4'].map((authorization): BadCase => ({
    name: `${method} ${path} with ${authorization ?? 'nothing'}`,
    method,
    path,
    body,
    headers: [
      JSON_TYPE,
      ...(authorization === undefined ? [] : ([['Authorization', authorization]] as const)),
    ],
    ...FORBIDDEN,
  })),
);

export const local = { elsewhere, unnamed };

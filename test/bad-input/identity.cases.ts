import { ALL_SCOPES } from '../support/tokens.js';
import { type BadCase, crossed, invalid, short } from './bad-case.js';
import { SESSION_ROUTES } from './session.cases.js';

const UNKNOWN = { status: 401, code: 'unauthenticated' } as const;
const FORBIDDEN = { status: 403, code: 'forbidden' } as const;
const SESSION_NOT_FOUND = { status: 404, code: 'session_not_found' } as const;
const RUN_NOT_FOUND = { status: 404, code: 'run_not_found' } as const;

/** `TOKEN` is one that may do all, `HASH` its SHA-256, `EXPIRED` one that no more may do anything. */
const AUTHORIZATIONS = [
  '',
  'Bearer',
  'Bearer ',
  'Bearer x',
  'Bearer TOKENx',
  'Bearer xTOKEN',
  'Bearer HASH',
  'Bearer EXPIRED',
  'Bearer UPPER',
  'Bearer TOKEN TOKEN',
  'Bearer TOKEN,',
  'Bearer TOKEN, Bearer TOKEN',
  'Bearer "TOKEN"',
  'Bearer <TOKEN>',
  'Bearer\tTOKEN',
  'Bearer=TOKEN',
  'Bearer:TOKEN',
  'BearerTOKEN',
  'Bearer Bearer TOKEN',
  'TOKEN',
  'Token TOKEN',
  'Basic TOKEN',
  'Basic eDp4',
  'Digest username="x"',
  'Negotiate x',
  'Bearer token=TOKEN',
  'Bearer ====',
  'Bearer %00',
  'Bearer \u00e9',
  'Bearer null',
  'Bearer undefined',
  'Bearer __proto__',
  'Bearer [object Object]',
  'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.',
  'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.AAAA',
  'Bearer a.b.c',
  'Bearer ...',
  `Bearer ${'a'.repeat(8192)}`,
  `Bearer ${'a'.repeat(8000)}.${'b'.repeat(4000)}.c`,
];

/** One route of each kind. */
const PLACES: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/runs'],
  ['POST', '/runs'],
  ['GET', '/sessions/known/files/f'],
  ['PUT', '/sessions/known/files/f'],
  ['GET', '/metrics'],
];

const elsewhere: (readonly (readonly [string, string])[])[] = [
  [['Cookie', 'token=TOKEN; Authorization=Bearer TOKEN']],
  [['X-Api-Key', 'TOKEN']],
  [['Proxy-Authorization', 'Bearer TOKEN']],
  [['X-Authorization', 'Bearer TOKEN']],
  [['X-Forwarded-User', 'admin']],
  [['X-FermiLink-User', 'admin']],
  [['X-Forwarded-For', '127.0.0.1']],
  [['Host', 'localhost']],
  [
    ['Authorization', 'Bearer TOKEN'],
    ['Authorization', 'Bearer x'],
  ],
  [
    ['Authorization', 'Bearer x'],
    ['Authorization', 'Bearer TOKEN'],
  ],
  [
    ['Authorization', 'Bearer TOKEN'],
    ['authorization', 'Bearer TOKEN'],
  ],
];

const bodyOf = (method: string) => (method === 'PUT' || method === 'POST' ? '{}' : undefined);
const anonymous = (name: string, method: string, path: string): BadCase => ({
  name: `${method} ${short(path)}: ${name}`,
  method,
  path,
  as: null,
  body: bodyOf(method),
  ...UNKNOWN,
});

const strangers: BadCase[] = [
  ...crossed(AUTHORIZATIONS, PLACES, (value, [method, path]) => ({
    ...anonymous(short(JSON.stringify(value)), method, path),
    headers: [['Authorization', Buffer.from(value)]] as const,
  })),
  ...crossed(elsewhere, PLACES, (headers, [method, path]) => ({
    ...anonymous(headers.map((it) => it.join(': ')).join(' and '), method, path),
    headers,
  })),
  ...['access_token=TOKEN', 'token=TOKEN', 'authorization=Bearer%20TOKEN', 'api_key=TOKEN'].map(
    (query) => anonymous('a token in the query', 'GET', `/runs?${query}`),
  ),
];

/** Every route that wants a scope, with those that it wants; `ops:read` or the metrics token for some. */
const WANTED: readonly (readonly [method: string, path: string, scope: string])[] = [
  ['POST', '/run', 'runs:write'],
  ['POST', '/runs', 'runs:write'],
  ['GET', '/runs', 'runs:read'],
  ['GET', '/runs/RUN', 'runs:read'],
  ['GET', '/runs/RUN/events', 'runs:read'],
  ['POST', '/runs/RUN/cancel', 'runs:write'],
  ...SESSION_ROUTES.map(
    ([method, rest]) =>
      [
        method,
        `/sessions/known${rest}`,
        method === 'PUT' || method === 'DELETE' ? 'files:write' : 'files:read',
      ] as const,
  ),
  ['GET', '/packages', 'runs:read'],
  ['GET', '/packages/base', 'runs:read'],
  ['POST', '/packages', 'packages:write'],
  ['PUT', '/packages/base/archive', 'packages:write'],
  ['POST', '/packages/base/activate', 'packages:write'],
  ['PUT', '/packages/base/overlay', 'packages:write'],
  ['PUT', '/packages/base/dependencies', 'packages:write'],
  ['DELETE', '/packages/base', 'packages:write'],
  ['GET', '/policy', 'ops:read'],
  ['PUT', '/policy', 'policy:write'],
  ['GET', '/ops/sessions/idle', 'ops:read'],
  ['GET', '/ops/concurrency', 'ops:read'],
  ['GET', '/ops/concurrency.prom', 'ops:read'],
  ['GET', '/ops/providers', 'ops:read'],
  ['GET', '/ops/admission', 'ops:read'],
  ['GET', '/metrics', 'ops:read'],
];

/** Who has only another scope. */
const scopes: BadCase[] = [
  ...crossed(WANTED, [...ALL_SCOPES, 'nothing'], ([method, path, scope], as) => ({
    name: as === scope ? '' : `${method} ${path} with ${as}`,
    method,
    path,
    as,
    body: bodyOf(method),
    ...FORBIDDEN,
  })).filter(({ name }) => name !== ''),
  ...WANTED.map(([method, path]) => anonymous('nobody', method, path)),
];

const NO_USERS: [string, string | Buffer][] = [
  ['nothing', ''],
  ['blanks', '   '],
  ['5,000 characters', 'a'.repeat(5000)],
  ['no UTF-8', Buffer.from([0xff])],
  ['half a character', Buffer.from([0xed, 0xa0, 0x80])],
  ['an overlong slash', Buffer.from([0xc0, 0xaf])],
  ['a tab inside', 'a\tb'],
];

/** Who else is spoken for. */
const users: BadCase[] = [
  ...crossed(
    NO_USERS,
    [
      ['GET', '/runs'],
      ['GET', '/sessions/known'],
    ] as const,
    ([what, user], [method, path]) => ({
      name: `${method} ${path} for ${what}`,
      method,
      path,
      headers: [['X-FermiLink-User', user]] as const,
      ...invalid('X-FermiLink-User'),
    }),
  ),
  {
    name: 'two users in two headers',
    path: '/runs',
    headers: [
      ['X-FermiLink-User', 'ann'],
      ['X-FermiLink-User', 'ann'],
    ],
    ...invalid('X-FermiLink-User'),
  },
  {
    name: 'a user twice in the query',
    path: '/sessions/known?user_id=a&user_id=a',
    ...invalid('user_id'),
  },
  ...['header', 'query'].flatMap((where): BadCase[] =>
    ['bob', 'Ann x', 'admin', 'platform'].map((user) => ({
      name: `ann's token for ${user} in the ${where}`,
      as: 'ann',
      path: `/runs${where === 'query' ? `?user_id=${encodeURIComponent(user)}` : ''}`,
      headers: where === 'header' ? [['X-FermiLink-User', user]] : [],
      ...FORBIDDEN,
    })),
  ),
  {
    name: 'two users in header and query',
    path: '/runs?user_id=bob',
    headers: [['X-FermiLink-User', 'ann']],
    ...FORBIDDEN,
  },
  ...crossed(
    [
      ['ann', undefined],
      ['all', 'ann'],
      ['all', 'known'],
      ['all', 'token:all'],
      ['all', 'user:all'],
      ['all', '__proto__'],
      ['all', '*'],
    ] as const,
    SESSION_ROUTES,
    ([as, user], [method, rest]) => ({
      name: `${method} known${rest} as ${as} for ${user ?? 'itself'}`,
      method,
      path: `/sessions/known${rest}`,
      as,
      headers: user === undefined ? [] : ([['X-FermiLink-User', user]] as const),
      body: bodyOf(method),
      ...SESSION_NOT_FOUND,
    }),
  ),
  ...crossed(
    ['ann'],
    [
      ['GET', '/runs/RUN'],
      ['GET', '/runs/RUN/events'],
      ['POST', '/runs/RUN/cancel'],
    ] as const,
    (as, [method, path]) => ({
      name: `${method} ${path} as ${as}`,
      method,
      path,
      as,
      ...RUN_NOT_FOUND,
    }),
  ),
];

export const identity = { strangers, scopes, users };

import { gzipSync } from 'node:zlib';
import { BAD_ARCHIVES, file } from '../support/bad-archives.js';
import { pax, tarEntry, tarGz } from '../support/tar.js';
import { type BadCase, crossed, invalid, ofBody, short } from './bad-case.js';

const NOT_FOUND = { status: 404, code: 'package_not_found' } as const;
const NOWHERE = { status: 404, code: 'not_found' } as const;
const INVALID = { status: 400, code: 'package_invalid' } as const;
const FORBIDDEN = { status: 403, code: 'package_path_forbidden' } as const;
const TOO_LARGE = { status: 413, code: 'package_too_large' } as const;
const NOT_ALLOWED = { status: 405, code: 'method_not_allowed' } as const;

/** Nothing is registered by these; `nothing` is left of some of them as an id. */
const IDS = [
  { id: '..', nothing: true },
  { id: '.', nothing: true },
  { id: '%2e%2e', nothing: true },
  { id: '%2f', nothing: true },
  { id: '%00', nothing: true },
  { id: '%20', nothing: true },
  { id: '-', nothing: true },
  { id: '_', nothing: true },
  { id: '---___', nothing: true },
  { id: '*', nothing: true },
  { id: '%F0%9F%98%80', nothing: true },
  { id: '..%2fnone' },
  { id: '%2fnowhere%2fx' },
  { id: '..%5cnone' },
  { id: '%252e%252e%252fnone' },
  { id: 'none%00' },
  { id: '__proto__' },
  { id: 'constructor' },
  { id: 'hasOwnProperty' },
  { id: 'registry.json' },
  { id: '.incoming-0123456789abcdef' },
  { id: 'a'.repeat(257) },
  { id: 'a'.repeat(5000) },
];
const BROKEN_IDS = ['%ff', '%c0%ae', '%ed%a0%80', '%', '%zz'];

const BODIES: Readonly<Record<string, object>> = {
  '/overlay': { entries: [] },
  '/dependencies': { package_ids: [] },
};
const ROUTES: readonly (readonly [method: string, rest: string])[] = [
  ['GET', ''],
  ['DELETE', ''],
  ['POST', '/activate'],
  ['PUT', '/overlay'],
  ['PUT', '/dependencies'],
];

function inPath(method: string, id: string, rest: string): BadCase {
  const body = BODIES[rest];
  return {
    name: `${method} ${short(id)}${rest}`,
    method,
    path: `/packages/${id}${rest}`,
    headers: body === undefined ? [] : [['Content-Type', 'application/json']],
    body: body && JSON.stringify(body),
    ...NOT_FOUND,
  };
}

const ids: BadCase[] = [
  ...crossed(IDS, ROUTES, ({ id }, [method, rest]) => inPath(method, id, rest)),
  ...crossed(BROKEN_IDS, ROUTES, (id, [method, rest]) => ({
    ...inPath(method, id, rest),
    ...NOWHERE,
  })),
  ...IDS.filter(({ nothing }) => nothing).map(({ id }) => ({
    name: `PUT ${id}/archive`,
    method: 'PUT',
    path: `/packages/${id}/archive`,
    body: tarGz(file('a')),
    ...INVALID,
  })),
];

const methods: BadCase[] = [
  ...['PUT', 'PATCH', 'DELETE', 'TRACE'].map((method) => [method, '']),
  ...['POST', 'PUT', 'PATCH', 'TRACE'].map((method) => [method, '/base']),
  ...['GET', 'PUT', 'DELETE'].map((method) => [method, '/base/activate']),
  ...['GET', 'POST', 'PATCH', 'DELETE'].flatMap((method) => [
    [method, '/base/archive'],
    [method, '/base/overlay'],
    [method, '/base/dependencies'],
  ]),
].map(([method, rest]) => ({
  name: `${method} ${rest}`,
  method,
  path: `/packages${rest}`,
  ...NOT_ALLOWED,
}));

const to = (rest: string, method: string) => ({ path: `/packages${rest}`, method });
const NO_TEXTS: [string, unknown][] = [
  ['null', null],
  ['a number', 1],
  ['a boolean', true],
  ['a list', ['x']],
  ['an object', { toString: 'x' }],
  ['nothing', ''],
  ['a blank', ' '],
  ['a NUL', 'a\0b'],
];

const registrations: BadCase[] = [
  ...crossed(['id', 'path'], NO_TEXTS, (field, [what, value]) =>
    ofBody(
      `${field}: ${what}`,
      { id: 'x', path: 'HOME/allowed/good', [field]: value },
      // An id is a text, but of these nothing is left.
      field === 'id' && (value === '' || value === ' ') ? INVALID : invalid(field),
      to('', 'POST'),
    ),
  ),
  ...crossed(
    ['title', 'source'],
    NO_TEXTS.filter(([what]) => !['null', 'nothing', 'a blank'].includes(what)),
    (field, [what, value]) =>
      ofBody(
        `${field}: ${what}`,
        { id: 'x', path: '/x', [field]: value },
        invalid(field),
        to('', 'POST'),
      ),
  ),
  ...(
    [
      ['an id of 257 characters', { id: 'a'.repeat(257), path: '/x' }, 'id'],
      ['a path of 4097 characters', { id: 'a', path: `/${'a'.repeat(4096)}` }, 'path'],
      ['a relative path', { id: 'a', path: 'x' }, 'path'],
      ['a relative path upwards', { id: 'a', path: '../x' }, 'path'],
      ['a home', { id: 'a', path: '~/x' }, 'path'],
      ['a URL', { id: 'a', path: 'file:///x' }, 'path'],
      ['a Windows path', { id: 'a', path: 'C:\\x' }, 'path'],
      ['an escape in the title', { id: 'a', path: '/x', title: '\u001b[2J' }, 'title'],
      ['a line in the source', { id: 'a', path: '/x', source: 'a\nb' }, 'source'],
      ['half a character in the id', '{"id":"\\ud800","path":"/x"}', 'id'],
      ['only a prototype', '{"__proto__":{"id":"a","path":"/x"}}', 'id'],
      ['only a constructor', '{"constructor":{"prototype":{"id":"a","path":"/x"}}}', 'id'],
      ['a path in the prototype', '{"id":"a","__proto__":{"path":"/x"}}', 'path'],
    ] as const
  ).map(([what, body, field]) => ofBody(what, body, invalid(field), to('', 'POST'))),
  ...[
    '/',
    '/etc',
    '/proc/self/root/etc',
    '/proc/self/cwd',
    '/dev',
    '//etc',
    '/x/../etc',
    'HOME',
    'HOME/..',
    'HOME/outside',
    'HOME/allowed',
    'HOME/allowed/../outside',
    'HOME/allowed/out',
    'HOME/allowed/out/deep',
    'HOME/allowed/root',
    'HOME/allowed/root/etc',
    'HOME/allowed/workspaces/known/repo',
    'HOME/allowedness',
    'HOME/fermilink',
    'HOME/fermilink/workspaces',
    'HOME/fermilink/workspaces/known/repo',
    'HOME/fermilink/runtime',
    'HOME/fermilink/scientific_packages',
  ].map((path) => ofBody(`the folder ${path}`, { id: 'a', path }, FORBIDDEN, to('', 'POST'))),
  ...['HOME/allowed/none', 'HOME/allowed/a-file', 'HOME/allowed/good/solver.py'].map((path) =>
    ofBody(`no folder ${path}`, { id: 'a', path }, INVALID, to('', 'POST')),
  ),
  ...['-', '..', '/', ' - ', '😀'].map((id) =>
    ofBody(`the id ${id}`, { id, path: 'HOME/allowed/good' }, INVALID, to('', 'POST')),
  ),
];

const LISTS: readonly (readonly [rest: string, field: string])[] = [
  ['/base/overlay', 'entries'],
  ['/base/dependencies', 'package_ids'],
];
const NO_LISTS: [string, unknown][] = [
  ['null', null],
  ['a text', 'a,b'],
  ['a number', 5],
  ['an object', { 0: 'a', length: 1 }],
  ['a list of numbers', [1]],
  ['a list of null', [null]],
  ['a list of lists', [['a']]],
  ['1001 names', Array(1001).fill('a')],
  ['a name of 257 characters', ['a'.repeat(257)]],
  ['a NUL', ['a\0']],
  ['half a character', ['\ud800']],
];

/** The bodies of every route that reads JSON. */
const JSON_ROUTES: readonly (readonly [method: string, rest: string])[] = [
  ['POST', ''],
  ['PUT', '/base/overlay'],
  ['PUT', '/base/dependencies'],
];
const NO_JSON: [string, string | Buffer][] = [
  ['no JSON', 'x'],
  ['half of it', '{"id":'],
  ['two of it', '{}{}'],
  ['a list', '[]'],
  ['a text', '"x"'],
  ['a number', '1'],
  ['null', 'null'],
  ['NaN', 'NaN'],
  ['deep lists', '['.repeat(100_000)],
  ['deep objects', '{"a":'.repeat(10_000)],
  ['no UTF-8', Buffer.from('{"id":"\xff"}', 'latin1')],
  ['a form', 'id=x&path=/x'],
];

const lists: BadCase[] = [
  ...crossed(LISTS, NO_LISTS, ([rest, field], [what, value]) =>
    ofBody(`${field}: ${what}`, { [field]: value }, invalid(field), to(rest, 'PUT')),
  ),
  ...LISTS.flatMap(([rest, field]) => [
    ofBody(`no ${field}`, {}, invalid(field), to(rest, 'PUT')),
    ofBody(
      `${field} in the prototype`,
      `{"__proto__":{"${field}":["a"]}}`,
      invalid(field),
      to(rest, 'PUT'),
    ),
  ]),
  ...['..', '.', '../x', 'a/b', '/etc', 'a\\..\\b', 'AGENTS.md', '.git', 'projects', '__proto__/x']
    .filter((name) => !name.includes('\\'))
    .map((name) =>
      ofBody(`the entry ${name}`, { entries: [name] }, INVALID, to('/base/overlay', 'PUT')),
    ),
  ...['none', '__proto__', 'constructor'].map((id) =>
    ofBody(
      `the dependency ${id}`,
      { package_ids: [id] },
      { status: 400, code: 'package_not_found' },
      to('/base/dependencies', 'PUT'),
    ),
  ),
  ...['-', '..', '*'].map((id) =>
    ofBody(`the dependency ${id}`, { package_ids: [id] }, INVALID, to('/base/dependencies', 'PUT')),
  ),
  ...crossed(JSON_ROUTES, NO_JSON, ([method, rest], [what, body]) =>
    ofBody(`${method} ${rest}: ${what}`, body, invalid(), to(rest, method)),
  ),
  ...JSON_ROUTES.flatMap(([method, rest]) => [
    ofBody(
      `${method} ${rest}: 2 MiB`,
      { id: 'x'.repeat(2 * 1024 * 1024) },
      { status: 413, code: 'body_too_large' },
      to(rest, method),
    ),
    ofBody(
      `${method} ${rest}: a bomb`,
      gzipSync(JSON.stringify({ id: ' '.repeat(50 * 1024 * 1024) })),
      { status: 413, code: 'body_too_large' },
      {
        ...to(rest, method),
        headers: [
          ['Content-Type', 'application/json'],
          ['Content-Encoding', 'gzip'],
        ],
      },
    ),
  ]),
];

const MIB = 1024 * 1024;
const zeros = (bytes: number) => Buffer.alloc(bytes);

/** Archives that would become many times what they are. */
const BOMBS: [string, Buffer][] = [
  ['a file of zeros', tarGz({ name: 'a', content: zeros(40 * MIB) })],
  ['zeros behind the end', gzipSync(Buffer.concat([tarEntry(file('a')), zeros(40 * MIB)]))],
  ['600 files', tarGz(...[...Array(600).keys()].map((n) => file(`f${n}`)))],
  ['1,200 headers of PAX', tarGz(...[...Array(1200).keys()].map(() => pax({ a: 'b' })), file('x'))],
  [
    'megabytes of headers of PAX',
    tarGz(...[...Array(100).keys()].map(() => pax({ a: 'x'.repeat(60_000) })), file('x')),
  ],
  [
    'gzip in gzip',
    tarGz({ name: 'a', content: zeros(40 * MIB) }, { name: 'b', content: gzipSync(zeros(MIB)) }),
  ],
];

const upload = (
  name: string,
  body: Buffer,
  expected: Pick<BadCase, 'status' | 'code' | 'fields'>,
  query = '',
): BadCase => ({
  name,
  method: 'PUT',
  path: `/packages/upload/archive${query}`,
  headers: [['Content-Type', 'application/gzip']],
  body,
  ...expected,
});

const archives: BadCase[] = [
  ...BAD_ARCHIVES.map(([what, archive]) => upload(what, archive, INVALID)),
  ...BOMBS.map(([what, archive]) => upload(`a bomb: ${what}`, archive, TOO_LARGE)),
  {
    ...upload('an archive of what is there', tarGz(file('a')), {
      status: 409,
      code: 'package_exists',
    }),
    path: '/packages/base/archive',
  },
  ...['yes', '1', 'TRUE', '', 'true&replace=true', 'true%00'].map((word) =>
    upload(`replace=${word}`, tarGz(file('a')), invalid('replace'), `?replace=${word}`),
  ),
  ...['a&title=b', 'a%00', '%1b[2J', 'a%0ab', 'a'.repeat(257)].map((title) =>
    upload(`title=${short(title)}`, tarGz(file('a')), invalid('title'), `?title=${title}`),
  ),
];

export const packages = {
  'package ids': ids,
  'package methods': methods,
  'packages by path': registrations,
  'bodies of packages': lists,
  archives,
};

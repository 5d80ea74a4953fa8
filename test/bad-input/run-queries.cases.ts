import { type BadCase, invalid, ofBody } from './bad-case.js';

const NOWHERE = { status: 404, code: 'not_found' } as const;
const NOT_FOUND = { status: 404, code: 'run_not_found' } as const;
const CURSOR = { status: 400, code: 'cursor_invalid' } as const;
const get = (
  name: string,
  path: string,
  expected: Pick<BadCase, 'status' | 'code' | 'fields'>,
): BadCase => ({
  name,
  path,
  ...expected,
});

const LIMITS = [
  '0',
  '-1',
  '201',
  '1.5',
  '1e2',
  '0x10',
  'x',
  '%00',
  '9'.repeat(400),
  '٣',
  ' 5',
  '5 ',
  '+5',
  'NaN',
  'Infinity',
];

/** `GET /runs`. */
const lists: BadCase[] = [
  ...LIMITS.map((limit) =>
    get(
      `limit=${limit.slice(0, 20)}`,
      `/runs?limit=${encodeURIComponent(limit).replace('%2500', '%00')}`,
      invalid('limit'),
    ),
  ),
  ...['limit', 'user_id', 'session_id', 'state', 'cursor'].flatMap((name) => [
    get(`${name} twice`, `/runs?${name}=1&${name}=2`, invalid(name)),
  ]),
  ...['Queued', 'unknown', '__proto__', 'constructor', '%00', 'completed,failed'].map((state) =>
    get(`state=${state}`, `/runs?state=${state}`, invalid('state')),
  ),
  ...['x', '../x', '%2e%2e', '0', '-1', 'a'.repeat(5000), '%00', '%ff', '[]', 'null'].map(
    (cursor) => get(`cursor=${cursor.slice(0, 20)}`, `/runs?cursor=${cursor}`, CURSOR),
  ),
];

const RUN_IDS = [
  'x',
  '..',
  '.',
  '%2e%2e',
  '..%2f..%2fetc%2fpasswd',
  '%2e%2e%2f',
  '%252e%252e%252f',
  '%00',
  'a%00b',
  '%f0%9f%98%80',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  '*',
  '%0a',
  '%0d%0aX-Evil:%201',
  'a'.repeat(4000),
  '00000000-0000-0000-0000-000000000000',
  '-',
  '%20',
  "'",
  '%3Cscript%3E',
  '%5c..%5c',
  '~root',
  '%7b%7d',
  '$(id)',
  'events',
  'cancel',
];

/** What is no run, in every place that takes one. */
const ids: BadCase[] = RUN_IDS.filter((id) => id !== '..' && id !== '.').flatMap((id) => [
  get(`a run ${id.slice(0, 24)}`, `/runs/${id}`, NOT_FOUND),
  get(`events of ${id.slice(0, 24)}`, `/runs/${id}/events`, NOT_FOUND),
  { ...get(`cancel of ${id.slice(0, 24)}`, `/runs/${id}/cancel`, NOT_FOUND), method: 'POST' },
]);

const undecodable: BadCase[] = [
  get('a run %ff', '/runs/%ff', NOWHERE),
  get('events of %ff', '/runs/%ff/events', NOWHERE),
  { ...get('cancel of %ff', '/runs/%ff/cancel', NOWHERE), method: 'POST' },
];

const CURSORS = ['-1', '1.5', 'x', '0x1', '1e3', ' ', '１', '1,2', 'NaN', '%00', '+1'];
const cursors: BadCase[] = [
  ...CURSORS.filter((it) => it !== ' ').map((after) =>
    get(
      `after=${after}`,
      `/runs/RUN/events?after=${encodeURIComponent(after).replace('%2500', '%00')}`,
      CURSOR,
    ),
  ),
  get('after twice', '/runs/RUN/events?after=1&after=2', CURSOR),
  get('after as an object', '/runs/RUN/events?after[a]=1', { status: 200, code: null }),
  get('an event that is not there', '/runs/RUN/events?after=1000000', {
    status: 400,
    code: 'cursor_unknown',
  }),
  get('an event of 400 digits', `/runs/RUN/events?after=${'9'.repeat(400)}`, {
    status: 400,
    code: 'cursor_unknown',
  }),
  get('an unknown view', '/runs/RUN/events?view=all', invalid('view')),
  get('a view twice', '/runs/RUN/events?view=raw&view=raw', invalid('view')),
  get('__proto__ as a view', '/runs/RUN/events?view=__proto__', invalid('view')),
  ...CURSORS.filter((it) => /^[\x21-\x7e]+$/.test(it)).map((id): BadCase => ({
    ...get(`Last-Event-ID: ${id}`, '/runs/RUN/events', CURSOR),
    headers: [['Last-Event-ID', id]],
  })),
];

const REUSED = { status: 409, code: 'retry_unmatched' } as const;
const json = ['Content-Type', 'application/json'] as const;

/** Headers of the two POSTs. */
const headers: BadCase[] = [
  ...(
    [
      ['empty', ''],
      ['256 characters', 'k'.repeat(256)],
      ['a tab', 'a\tb'],
      ['a byte beyond ASCII', Buffer.from('k\xff', 'latin1')],
      ['UTF-8', 'ключ'],
    ] as [string, string | Buffer][]
  ).flatMap(([name, key]) =>
    ['/run', '/runs'].map((path) =>
      ofBody(
        `an Idempotency-Key: ${name} (${path})`,
        { user_prompt: 'true' },
        invalid('Idempotency-Key'),
        {
          path,
          headers: [json, ['Idempotency-Key', key]],
        },
      ),
    ),
  ),
  ofBody('Last-Event-ID without a key', { user_prompt: 'true' }, REUSED, {
    headers: [json, ['Last-Event-ID', '3']],
  }),
  ofBody('Last-Event-ID with a key that is unknown', { user_prompt: 'true' }, REUSED, {
    headers: [json, ['Last-Event-ID', '3'], ['Idempotency-Key', 'never-seen']],
  }),
  ofBody(
    'Last-Event-ID that is no number',
    { user_prompt: 'true' },
    { ...CURSOR, status: 409, code: 'retry_unmatched' },
    {
      headers: [json, ['Last-Event-ID', 'x']],
    },
  ),
  ofBody('a view in the query that is unknown', { user_prompt: 'true' }, invalid('view'), {
    path: '/runs?view=x',
  }),
  ofBody(
    'an unknown package',
    { user_prompt: 'true', package_id: 'nowhere' },
    { status: 400, code: 'package_not_found' },
  ),
  ofBody(
    'a package by traversal',
    { user_prompt: 'true', package_id: '../../etc' },
    { status: 400, code: 'package_not_found' },
  ),
  ofBody(
    'a package without a letter',
    { user_prompt: 'true', package_id: '../..' },
    { status: 400, code: 'package_not_found' },
  ),
  ofBody(
    'a package __proto__',
    { user_prompt: 'true', package_id: '__proto__' },
    { status: 400, code: 'package_not_found' },
  ),
  ofBody(
    'a package of a megabyte',
    { user_prompt: 'true', package_id: 'p'.repeat(1_000_000) },
    { status: 400, code: 'package_not_found' },
  ),
];

export const runQueries = { lists, ids: [...ids, ...undecodable], cursors, headers };

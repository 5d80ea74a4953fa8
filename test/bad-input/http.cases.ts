import { type BadCase } from './bad-case.js';

const NOWHERE = { status: 404, code: 'not_found' } as const;
const NOT_ALLOWED = { status: 405, code: 'method_not_allowed' } as const;
const MALFORMED = { status: 400, code: 'request_malformed' } as const;
const HEADERS = { status: 431, code: 'headers_too_large' } as const;

/** Paths at which nothing is. */
const paths: BadCase[] = [
  '/',
  '//',
  '/run/x',
  '/runss',
  '/runs/x/y',
  '/runs/x/events/y',
  '/../etc/passwd',
  '/..%2f..%2fetc/passwd',
  '/.git/config',
  '/.env',
  '/ops',
  '/ops/',
  '/ops/x',
  '/health',
  '/health/x',
  '/metrics/x',
  '/%00',
  '/%ff',
  '/%',
  '/%zz',
  '/__proto__',
  '/constructor',
  '/node_modules',
  '/package.json',
  '/dist/main.js',
  `/${'a'.repeat(8000)}`,
  '/?/run',
  '/run%2f',
  '/run;x',
  '/index.html',
  '/favicon.ico',
  '/graphql',
].map((path) => ({ name: `GET ${path.slice(0, 40)}`, path, ...NOWHERE }));

/** Methods that a path does not have. */
const methods: BadCase[] = [
  ...['GET', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND'].map((method) => [method, '/run']),
  ...['PUT', 'PATCH', 'DELETE', 'TRACE'].map((method) => [method, '/runs']),
  ...['POST', 'PUT', 'DELETE'].map((method) => [method, '/runs/x']),
  ...['POST', 'PUT', 'DELETE'].map((method) => [method, '/runs/x/events']),
  ...['GET', 'PUT', 'DELETE'].map((method) => [method, '/runs/x/cancel']),
  ...['POST', 'DELETE'].map((method) => [method, '/ops/concurrency']),
  ...['POST', 'PUT'].map((method) => [method, '/health/live']),
  ...['POST', 'DELETE'].map((method) => [method, '/metrics']),
].map(([method, path]) => ({ name: `${method} ${path}`, method, path, ...NOT_ALLOWED }));

const head = 'GET /runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n';
const post =
  'POST /runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n';

/** What is not HTTP/1.1 at all. */
const messages: BadCase[] = [
  { name: 'no HTTP', raw: 'hello\r\n\r\n', ...MALFORMED },
  { name: 'a TLS greeting', raw: Buffer.from('160301020001000001fc0303', 'hex'), ...MALFORMED },
  { name: 'HTTP/2 without a word', raw: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', ...MALFORMED },
  { name: 'an unknown method', raw: 'HACK / HTTP/1.1\r\nHost: localhost\r\n\r\n', ...MALFORMED },
  {
    name: 'a method in small letters',
    raw: 'get / HTTP/1.1\r\nHost: localhost\r\n\r\n',
    ...MALFORMED,
  },
  {
    name: 'a version that is none',
    raw: 'GET / HTTP/9.9\r\nHost: localhost\r\n\r\n',
    ...MALFORMED,
  },
  {
    name: 'a blank in the path',
    raw: 'GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n',
    ...MALFORMED,
  },
  { name: 'a NUL in a header', raw: `${head}X-A: a\0b\r\n\r\n`, ...MALFORMED },
  {
    name: 'a control character in the name of a header',
    raw: `${head}X\u0001: a\r\n\r\n`,
    ...MALFORMED,
  },
  { name: 'a blank before the colon', raw: `${head}X-A : a\r\n\r\n`, ...MALFORMED },
  { name: 'a header without a colon', raw: `${head}X-A\r\n\r\n`, ...MALFORMED },
  {
    name: 'a lone line feed in a header',
    raw: `${head}X-A: a\nX-B: b\r\n\r\n`,
    ...MALFORMED,
  },
  {
    name: 'two lengths',
    raw: `${post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
    ...MALFORMED,
  },
  {
    name: 'a length and chunks',
    raw: `${post}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ...MALFORMED,
  },
  {
    name: 'chunks that are not the last encoding',
    raw: `${post}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
    ...MALFORMED,
  },
  { name: 'a negative length', raw: `${post}Content-Length: -1\r\n\r\n`, ...MALFORMED },
  { name: 'a length that is no number', raw: `${post}Content-Length: x\r\n\r\n`, ...MALFORMED },
  {
    name: 'a length of 40 digits',
    raw: `${post}Content-Length: ${'9'.repeat(40)}\r\n\r\n`,
    ...MALFORMED,
  },
  {
    name: 'a chunk whose size is no number',
    raw: `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
    ...MALFORMED,
  },
  {
    name: 'a chunk that is longer than it says',
    raw: `${post}Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n`,
    ...MALFORMED,
  },
  { name: 'a header of 64 KiB', raw: `${head}X-A: ${'a'.repeat(65_536)}\r\n\r\n`, ...HEADERS },
  { name: '5,000 headers', raw: `${head}${'X-A: a\r\n'.repeat(5000)}\r\n`, ...HEADERS },
  {
    name: 'a path of 64 KiB',
    raw: `GET /${'a'.repeat(65_536)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    ...HEADERS,
  },
  {
    name: 'an Idempotency-Key of 64 KiB',
    raw: `${post}Idempotency-Key: ${'a'.repeat(65_536)}\r\n\r\n`,
    ...HEADERS,
  },
  // These two Node's server answers before anybody can say more.
  {
    name: 'no Host',
    raw: 'GET /runs HTTP/1.1\r\nConnection: close\r\n\r\n',
    status: 400,
    code: null,
  },
  {
    name: 'an expectation that nobody knows',
    raw: `${head}Expect: 200-ok\r\n\r\n`,
    status: 417,
    code: null,
  },
];

export const http = { paths, methods, messages };

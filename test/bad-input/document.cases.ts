import { type BadCase, crossed, invalid, short } from './bad-case.js';

const NOWHERE = { status: 404, code: 'not_found' } as const;
const NOT_ALLOWED = { status: 405, code: 'method_not_allowed' } as const;

const assets: BadCase[] = [
  '..',
  '.',
  '../openapi.json',
  '..%2fpackage.json',
  '..%2f..%2f..%2fetc%2fpasswd',
  '%2e%2e%2fswagger-ui.js',
  '%2fetc%2fpasswd',
  '..%5cpackage.json',
  'package.json',
  'index.html',
  'swagger-initializer.js',
  'swagger-ui.js.map',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'get',
  'size',
  '%00',
  'swagger-ui-bundle.js%00',
  'swagger-ui-bundle.js%00.png',
  'SWAGGER-UI-BUNDLE.JS',
  'swagger-ui-bundle.js.',
  'x/y',
  '%ff',
  '%c0%ae%c0%ae',
  '%',
  'a'.repeat(5000),
].map((name) => ({ name: `docs/${short(name)}`, path: `/docs/${name}`, ...NOWHERE }));

const others: BadCase[] = [
  '/openapi',
  '/openapi.yaml',
  '/openapi.json/x',
  '/openapi.json%00',
  '/openapi%2ejson%2f',
  '/docs%2f',
  '/docs-json',
  '/docs.html',
  '/swagger',
  '/api',
  '/api-docs',
].map((path) => ({ name: path, path, ...NOWHERE }));

const methods: BadCase[] = [
  ...crossed(
    ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE'],
    ['/openapi.json', '/docs', '/docs/x', '/ops/sessions/idle', '/ops/providers'],
    (method, path) => ({ name: `${method} ${path}`, method, path, ...NOT_ALLOWED }),
  ),
];

const NO_NUMBERS = ['0', '-1', '1.5', '1e2', '0x10', 'x', '%00', '%ff', '%205', '5%20', '%2b5'];
const MORE = ['9'.repeat(10), '9'.repeat(400), 'NaN', 'Infinity', 'null', '%d9%a3', '[]', '1,2'];

const idle: BadCase[] = [
  ...crossed(['days', 'limit'], [...NO_NUMBERS, ...MORE, '1001000'], (field, value) => ({
    name: `${field}=${short(value)}`,
    path: `/ops/sessions/idle?${field}=${value}`,
    ...invalid(field),
  })),
  ...['days', 'limit'].map((field) => ({
    name: `${field} twice`,
    path: `/ops/sessions/idle?${field}=1&${field}=1`,
    ...invalid(field),
  })),
  ...['/ops/sessions', '/ops/sessions/', '/ops/sessions/x', '/ops/sessions/idle/x'].map((path) => ({
    name: path,
    path,
    ...NOWHERE,
  })),
];

export const documents = { assets, 'other documents': others, 'further methods': methods, idle };

import { type BadCase, crossed, invalid, ofBody, short } from './bad-case.js';

const POLICY = {
  provider: 'codex',
  sandbox_policy: 'enforce',
  sandbox_mode: 'read-only',
  model: null,
  reasoning_effort: null,
};
const MEMBERS = Object.keys(POLICY);
const PUT = { method: 'PUT', path: '/policy' };

const NO_TEXTS: [string, unknown][] = [
  ['a number', 1],
  ['a boolean', false],
  ['a list', ['codex']],
  ['an object', { toString: 'codex' }],
];
const NO_WORDS = ['__proto__', 'constructor', '../x', 'a b', 'a\0', '\u001b[2J', '😀', 'x\ny'];

const members: BadCase[] = [
  ...crossed(MEMBERS, NO_TEXTS, (field, [what, value]) =>
    ofBody(`${field}: ${what}`, { ...POLICY, [field]: value }, invalid(field), PUT),
  ),
  ...crossed(MEMBERS, NO_WORDS, (field, value) =>
    ofBody(
      `${field}: ${JSON.stringify(value)}`,
      { ...POLICY, [field]: value },
      invalid(field),
      PUT,
    ),
  ).filter(({ name }) => !/^model: "(__proto__|constructor|\.\.\/x)"/.test(name)),
  ...crossed(MEMBERS, ['a'.repeat(100_000)], (field, value) =>
    ofBody(`${field}: long`, { ...POLICY, [field]: value }, invalid(field), PUT),
  ),
  ...MEMBERS.map((field) =>
    ofBody(`no ${field}`, { ...POLICY, [field]: undefined }, invalid(field), PUT),
  ),
  ...(
    [
      ['a word of the environment', { sandbox_mode: 'danger-full-access' }, 'sandbox_mode'],
      ['an unknown mode', { sandbox_mode: 'none' }, 'sandbox_mode'],
      ['an unknown policy', { sandbox_policy: 'off' }, 'sandbox_policy'],
      ['an unknown effort', { reasoning_effort: 'extreme' }, 'reasoning_effort'],
      ['a provider nobody knows', { provider: 'nobody' }, 'provider'],
      ['a provider that is not installed', { provider: 'claude' }, 'provider'],
      ['a provider that is a path', { provider: '/bin/sh' }, 'provider'],
      ['an option as a model', { model: '--config=x' }, 'model'],
      ['another version', { version: 2 }, 'version'],
      ['a version as a text', { version: '1' }, 'version'],
      ['no version', { version: null }, 'version'],
      ['a member too many', { extra: 1 }, 'extra'],
      ['a member in capitals', { Provider: 'codex' }, 'Provider'],
      ['a command', { command: 'sh' }, 'command'],
    ] as const
  ).map(([what, more, field]) => ofBody(what, { ...POLICY, ...more }, invalid(field), PUT)),
];

const text = JSON.stringify(POLICY);
const bodies: BadCase[] = [
  ...(
    [
      ['null', 'null'],
      ['a list', '[]'],
      ['a list of it', `[${text}]`],
      ['a text', '"x"'],
      ['a number', '1'],
      ['no JSON', 'x'],
      ['half of it', text.slice(0, -1)],
      ['two of it', text + text],
      ['a comment', `/**/${text}`],
      ['YAML', 'provider: codex'],
      ['deep lists', '['.repeat(100_000)],
    ] as const
  ).map(([what, body]) => ofBody(what, body, invalid('body'), PUT)),
  ofBody('nothing', '', invalid(...MEMBERS), PUT),
  ofBody('no UTF-8', Buffer.from(text.replace('codex', '\xff'), 'latin1'), invalid('body'), PUT),
  ofBody('a prototype', `{"__proto__":${text}}`, invalid('__proto__', ...MEMBERS), PUT),
  ofBody('a prototype beside it', `{"__proto__":{"x":1},${text.slice(1)}`, invalid(), PUT),
  ofBody('a constructor', `{"constructor":1,${text.slice(1)}`, invalid('constructor'), PUT),
  ofBody(
    '10,000 members too many',
    { ...POLICY, ...Object.fromEntries([...Array(10_000).keys()].map((n) => [`m${n}`, 1])) },
    invalid('m0'),
    PUT,
  ),
  ofBody(
    '2 MiB',
    { ...POLICY, model: 'x'.repeat(2 * 1024 * 1024) },
    { status: 413, code: 'body_too_large' },
    PUT,
  ),
  ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'x', ''].map(
    (type) =>
      ofBody(`as ${type || 'nothing'}`, POLICY, invalid('body'), {
        ...PUT,
        headers: [['Content-Type', type]],
      }),
  ),
];

const CHANGED = { status: 412, code: 'precondition_failed' } as const;
const conditions: BadCase[] = [
  '"other"',
  'W/"other"',
  '',
  'x',
  '"',
  '""',
  ',',
  'null',
  '"*"',
  '**',
  '"a"'.repeat(4000),
].map((tag) =>
  ofBody(`If-Match: ${short(tag)}`, POLICY, CHANGED, {
    ...PUT,
    headers: [
      ['Content-Type', 'application/json'],
      ['If-Match', tag],
    ],
  }),
);

const methods: BadCase[] = ['POST', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND'].map((method) => ({
  name: method,
  method,
  path: '/policy',
  status: 405,
  code: 'method_not_allowed',
}));

export const policy = {
  'policy members': members,
  'policy bodies': bodies,
  'policy conditions': conditions,
  'policy methods': methods,
};

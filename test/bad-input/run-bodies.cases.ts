import { gzipSync } from 'node:zlib';
import { type BadCase, invalid, ofBody } from './bad-case.js';

const prompt = { user_prompt: 'true' };
const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const nested = (depth: number): unknown =>
  JSON.parse('{"a":'.repeat(depth) + '1' + '}'.repeat(depth));

const NOT_STRINGS: [string, unknown][] = [
  ['a number', 1],
  ['a boolean', true],
  ['an array', ['x']],
  ['an object', { x: 'x' }],
];

/** What a prompt may not be. */
const prompts: BadCase[] = [
  ofBody('no prompt', {}, invalid('user_prompt')),
  ofBody('a prompt of null', { user_prompt: null }, invalid('user_prompt')),
  ofBody('an empty prompt', { user_prompt: '' }, invalid('user_prompt')),
  ...NOT_STRINGS.map(([name, value]) =>
    ofBody(`a prompt that is ${name}`, { user_prompt: value }, invalid('user_prompt')),
  ),
  ofBody('a NUL in the prompt', { user_prompt: 'a\0b' }, invalid('user_prompt')),
  ofBody('a high surrogate alone', '{"user_prompt":"a\\ud800b"}', invalid('user_prompt')),
  ofBody('a low surrogate alone', '{"user_prompt":"\\udc00"}', invalid('user_prompt')),
  ofBody(
    'surrogates in the wrong order',
    '{"user_prompt":"\\udc00\\ud800"}',
    invalid('user_prompt'),
  ),
  ofBody(
    '10,001 characters',
    { user_prompt: 'x'.repeat(10_001) },
    { status: 413, code: 'prompt_too_long' },
  ),
  ofBody(
    '10,001 characters beyond the BMP',
    { user_prompt: '😀'.repeat(10_001) },
    { status: 413, code: 'prompt_too_long' },
  ),
  ofBody('a name in capitals', { USER_PROMPT: 'x' }, invalid('user_prompt')),
  ofBody('a name with a blank', { 'user_prompt ': 'x' }, invalid('user_prompt')),
  ofBody(
    'a prompt that only the prototype has',
    '{"__proto__":{"user_prompt":"x"}}',
    invalid('user_prompt'),
  ),
  ofBody(
    'a prompt in constructor.prototype',
    '{"constructor":{"prototype":{"user_prompt":"x"}}}',
    invalid('user_prompt'),
  ),
];

/** What is no session id: most would lead out of the workspaces root, or to a file that is no session. */
const SESSION_IDS: [string, string][] = [
  ['traversal', '../x'],
  ['traversal far up', '../../../../../../etc/passwd'],
  ['traversal inside', 'a/../b'],
  ['traversal with backslashes', '..\\x'],
  ['encoded traversal', '%2e%2e%2fx'],
  ['twice encoded traversal', '%252e%252e%252fx'],
  ['traversal as overlong UTF-8, decoded', '..\u2215x'],
  ['traversal in full-width letters', '．．／x'],
  ['an absolute path', '/etc'],
  ['the folder itself', '.'],
  ['the folder above', '..'],
  ['three dots', '...'],
  ['a hidden name', '.hidden'],
  ['an option', '-rf'],
  ['a name that begins with _', '_x'],
  ['a slash at the end', 'x/'],
  ['a slash inside', 'a/b'],
  ['a blank inside', 'a b'],
  ['a blank at the end', 'x '],
  ['a newline at the end', 'x\n'],
  ['a newline inside', 'a\nb'],
  ['a carriage return', 'a\rb'],
  ['a tab', 'a\tb'],
  ['a NUL', 'a\0b'],
  ['a letter with a mark', 'zoë'],
  ['a letter of another script', 'сессия'],
  ['a wide digit', '１'],
  ['a right-to-left mark', 'a\u202eb'],
  ['a zero-width blank', 'a\u200bb'],
  ['a drive', 'C:'],
  ['a wildcard', '*'],
  ['a variable', '$PATH'],
  ['a command', '`id`'],
  ['a home', '~'],
  ['129 characters', 'a'.repeat(129)],
  ['a megabyte less a bit', 'a'.repeat(1_000_000)],
  ['a name in quotes', '"x"'],
  ['a lone surrogate', '\ud800'],
];

const sessions: BadCase[] = [
  ...SESSION_IDS.map(([name, session_id]) =>
    ofBody(`a session id that is ${name}`, { ...prompt, session_id }, invalid('session_id')),
  ),
  ...NOT_STRINGS.map(([name, session_id]) =>
    ofBody(`a session id that is ${name}`, { ...prompt, session_id }, invalid('session_id')),
  ),
];

/** Other fields, each with what it may not be. */
const FIELDS: [field: string, name: string, value: unknown][] = [
  ...['user_id', 'package_id', 'sandbox', 'provider'].flatMap((field) =>
    NOT_STRINGS.map(([name, value]): [string, string, unknown] => [field, name, value]),
  ),
  ['user_id', '257 characters', 'u'.repeat(257)],
  ['user_id', 'a newline', 'a\nb'],
  ['user_id', 'an escape sequence', 'a\u001b[2Jb'],
  ['user_id', 'a NUL', 'a\0b'],
  ['user_id', 'DEL', 'a\u007fb'],
  ['user_id', 'a C1 control', 'a\u0085b'],
  ['user_id', 'a lone surrogate', 'a\udc00'],
  ['package_id', 'a NUL', 'a\0b'],
  ['package_id', 'a lone surrogate', '\ud800'],
  ...['on_disconnect', 'on_busy', 'view'].flatMap((field) =>
    [
      ...NOT_STRINGS,
      ['an unknown word', 'nothing'] as [string, unknown],
      ['an empty word', ''] as [string, unknown],
      ['a word in capitals', 'CANCEL'] as [string, unknown],
      ['a member of every object', 'constructor'] as [string, unknown],
      ['__proto__', '__proto__'] as [string, unknown],
    ].map(([name, value]): [string, string, unknown] => [field, name, value]),
  ),
  ...['yes', 'true', 1, 0, [], {}].map((value): [string, string, unknown] => [
    'continue_conversation',
    JSON.stringify(value),
    value,
  ]),
  ...[0, -1, 0.5, 1.5, 1e308, 2 ** 53, 601, '60', true, [60], {}].map(
    (value): [string, string, unknown] => ['max_runtime_seconds', JSON.stringify(value), value],
  ),
  ...['x', 1, true, [], ['a']].map((value): [string, string, unknown] => [
    'metadata',
    JSON.stringify(value),
    value,
  ]),
  ['metadata', 'more than 4096 bytes', { a: 'x'.repeat(4096) }],
  ['metadata', 'few characters of many bytes', { a: '😀'.repeat(1100) }],
  ['metadata', '33 levels', nested(33)],
  ['metadata', '500 levels', nested(500)],
];

const fields = FIELDS.map(([field, name, value]) =>
  ofBody(`${field}: ${name}`, { ...prompt, [field]: value }, invalid(field)),
);

const several = [
  ofBody(
    'every field at once',
    { user_prompt: 1, session_id: '..', user_id: 2, on_busy: 3, metadata: 4 },
    invalid('user_prompt', 'session_id', 'user_id', 'on_busy', 'metadata'),
  ),
  ofBody(
    'a field that comes twice, the last one wrong',
    '{"user_prompt":"true","user_prompt":1}',
    invalid('user_prompt'),
  ),
  ofBody(
    'a number that overflows',
    '{"user_prompt":"x","max_runtime_seconds":1e999}',
    invalid('max_runtime_seconds'),
  ),
];

const BODY = invalid('body');
const json = (type: string) => ({ headers: [['Content-Type', type]] as const });
const encoded = (encoding: string) => ({
  headers: [
    ['Content-Type', 'application/json'],
    ['Content-Encoding', encoding],
  ] as const,
});

/** Bodies that are no JSON object in UTF-8. */
const bodies: BadCase[] = [
  ...['[]', '[{"user_prompt":"x"}]', '"x"', '1', 'true', 'null'].map((text) =>
    ofBody(`a body that is ${text}`, text, BODY),
  ),
  ...[
    ' ',
    '{',
    '{"user_prompt":',
    "{'user_prompt':'x'}",
    '{user_prompt:"x"}',
    '{"user_prompt":"x",}',
    '{"user_prompt":"x"}{}',
    '{"user_prompt":"x"} x',
    'undefined',
    'NaN',
    '{"user_prompt":"a\nb"}',
    '{"user_prompt":"\\x41"}',
    '{"user_prompt":"\\u00"}',
    '{"user_prompt":01}',
    '//\n{"user_prompt":"x"}',
    'user_prompt=x',
    '<user_prompt>x</user_prompt>',
    '\u0000',
    '\u00ef\u00bb\u00bf{}',
  ].map((text) => ofBody(`a body that is ${JSON.stringify(text)}`, text, BODY)),
  ofBody('no body at all', '', invalid('user_prompt')),
  ofBody('UTF-16', Buffer.from('{"user_prompt":"true"}', 'utf16le'), BODY),
  ofBody('Latin-1', Buffer.from('{"user_prompt":"zo\xeb"}', 'latin1'), BODY),
  ofBody('a cut UTF-8 sequence', Buffer.from('{"user_prompt":"\xe2\x82"}', 'latin1'), BODY),
  ofBody('an overlong UTF-8 sequence', Buffer.from('{"user_prompt":"\xc0\xaf"}', 'latin1'), BODY),
  ofBody('a surrogate as UTF-8', Buffer.from('{"user_prompt":"\xed\xa0\x80"}', 'latin1'), BODY),
  ofBody('a body of another type', prompt, BODY, json('text/plain')),
  ofBody('a form', 'user_prompt=true', BODY, json('application/x-www-form-urlencoded')),
  ofBody('several parts', '--x\r\n\r\n{}\r\n--x--', BODY, json('multipart/form-data; boundary=x')),
  ofBody('a type that is none', prompt, BODY, json(';;;')),
  ofBody('a type that only looks like it', prompt, BODY, json('application/jsonx')),
  ofBody('no type', prompt, BODY, { headers: [] }),
  ofBody('a character set that is unknown', prompt, BODY, json('application/json; charset=x-none')),
  ofBody('UTF-7', prompt, BODY, json('application/json; charset=utf-7')),
  ofBody('Latin-1 by name', prompt, BODY, json('application/json; charset=iso-8859-1')),
  ofBody('an encoding that is unknown', prompt, BODY, encoded('zstd-none')),
  ofBody('gzip that is none', prompt, BODY, encoded('gzip')),
  ofBody(
    'gzip that is cut',
    gzipSync(JSON.stringify(prompt)).subarray(0, 20),
    BODY,
    encoded('gzip'),
  ),
  ofBody('deflate that is none', prompt, BODY, encoded('deflate')),
  ofBody('brotli that is none', prompt, BODY, encoded('br')),
  ofBody(
    'arrays 100,000 deep',
    `{"user_prompt":"x","metadata":${deep(100_000)}}`,
    invalid('metadata'),
  ),
  ofBody(
    'objects 20,000 deep',
    `{"user_prompt":"x","metadata":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`,
    invalid('metadata'),
  ),
];

const TOO_LARGE = { status: 413, code: 'body_too_large' } as const;
const large = JSON.stringify({ user_prompt: 'x'.repeat(1024 * 1024) });
const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;

/** Bodies of too many bytes. */
const sizes: BadCase[] = [
  ofBody('more than 1 MiB', large, TOO_LARGE),
  ofBody('more than 1 MiB in chunks', chunked(large), TOO_LARGE, {
    headers: [
      ['Content-Type', 'application/json'],
      ['Transfer-Encoding', 'chunked'],
    ],
  }),
  ofBody('a length of 1 TB, and nothing after it', '', TOO_LARGE, {
    headers: [
      ['Content-Type', 'application/json'],
      ['Content-Length', '1000000000000'],
    ],
  }),
  ofBody(
    'gzip of 100 MB of blanks',
    gzipSync(Buffer.alloc(100_000_000, ' ')),
    TOO_LARGE,
    encoded('gzip'),
  ),
  ofBody('gzip of 2 MiB of a prompt', gzipSync(large + large), TOO_LARGE, encoded('gzip')),
];

export const runBodies = { prompts, sessions, fields: [...fields, ...several], bodies, sizes };

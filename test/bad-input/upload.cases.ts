import { randomFillSync } from 'node:crypto';
import { tarGz } from '../support/tar.js';
import type { BadCase } from './bad-case.js';

const MALFORMED = { status: 400, code: 'request_malformed' } as const;

/** What is wrong with how a body is sent, for each route that reads one as it comes. */
export const UPLOAD_LIMIT = 1024 * 1024;
/** An archive that cannot be made smaller: nothing is wrong with it but its size. */
const HUGE = tarGz({ name: 'noise', content: randomFillSync(Buffer.alloc(2 * UPLOAD_LIMIT)) });

interface Place {
  what: string;
  path: string;
  tooLarge: string;
}

const PLACES: Place[] = [
  { what: 'a file', path: '/sessions/known/files/upload', tooLarge: 'file_too_large' },
  { what: 'a package', path: '/packages/upload/archive', tooLarge: 'body_too_large' },
];

function transfersTo({ what, path, tooLarge }: Place): BadCase[] {
  const to = (
    name: string,
    headers: readonly (readonly [string, string])[],
    expected: Pick<BadCase, 'status' | 'code'>,
    body: string | Buffer = '',
  ): BadCase => ({ name: `${what}: ${name}`, method: 'PUT', path, headers, body, ...expected });
  const large = { status: 413, code: tooLarge };
  const chunked = ['Transfer-Encoding', 'chunked'] as const;
  return [
    to('a large body', [], large, HUGE),
    to('a large body in chunks', [chunked], large, inChunks(HUGE)),
    to('a large length without a body', [['Content-Length', '1000000000000']], large),
    to('the largest length', [['Content-Length', String(Number.MAX_SAFE_INTEGER)]], large),
    to(
      'a large length that waits to be asked',
      [
        ['Content-Length', '1000000000'],
        ['Expect', '100-continue'],
      ],
      large,
    ),
    to('a length of 40 digits', [['Content-Length', '9'.repeat(40)]], MALFORMED),
    ...['-1', 'x', '1e3', '0x10', '+5', '5, 5', '5 5', '1.0', '٣'].map((length) =>
      to(`Content-Length: ${length}`, [['Content-Length', length]], MALFORMED),
    ),
    to(
      'two lengths',
      [
        ['Content-Length', '1'],
        ['Content-Length', '2'],
      ],
      MALFORMED,
      'x',
    ),
    to('a length and chunks', [['Content-Length', '5'], chunked], MALFORMED, '0\r\n\r\n'),
    ...['gzip', 'chunked, gzip', 'identity', 'chunked, x', 'chunkedx', 'x'].map((encoding) =>
      to(
        `Transfer-Encoding: ${encoding}`,
        [['Transfer-Encoding', encoding]],
        MALFORMED,
        '0\r\n\r\n',
      ),
    ),
    to('an expectation nobody knows', [['Expect', 'x']], { status: 417, code: null }, 'x'),
    to('a chunk whose size is no number', [chunked], MALFORMED, 'zz\r\nx\r\n0\r\n\r\n'),
    to('a negative chunk', [chunked], MALFORMED, '-1\r\nx\r\n0\r\n\r\n'),
    to('a chunk of 40 digits', [chunked], MALFORMED, `${'f'.repeat(40)}\r\nx\r\n0\r\n\r\n`),
    to('a chunk longer than it says', [chunked], MALFORMED, '1\r\nxyz\r\n0\r\n\r\n'),
    to('a chunk without an end', [chunked], MALFORMED, '1\r\nxx\r\n'),
  ];
}

function inChunks(bytes: Buffer): Buffer {
  const size = Buffer.from(`${bytes.length.toString(16)}\r\n`);
  return Buffer.concat([size, bytes, Buffer.from('\r\n0\r\n\r\n')]);
}

export const uploads = { transfers: PLACES.flatMap(transfersTo) };

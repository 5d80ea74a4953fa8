import { errorCodeOf } from '../agent-error.js';
import { readLine } from '../agent-reading.js';
import { ResultCollector } from '../result-collector.js';
import { READINGS } from './index.js';

const MIB = 1024 * 1024;
const reading = (cli: string) => READINGS[cli as keyof typeof READINGS];
const exit = { returnCode: 0, isOwn: true };

function resultOf(cli: string, ...lines: object[]) {
  const collector = new ResultCollector(reading(cli));
  collector.lines(Buffer.from(lines.map((it) => JSON.stringify(it)).join('\n')));
  return collector.conclude(exit);
}

describe('numbers that an agent gives', () => {
  const raw = (cli: string, line: string) => {
    const collector = new ResultCollector(reading(cli));
    collector.lines(Buffer.from(`${line}\n${line}`));
    return collector.conclude(exit).usage;
  };

  it.each(['-1', '1e999', '-1e999', '"1"', 'null', '{}', '1e300'])('may be %s', (number) => {
    const usages = [
      raw(
        'claude',
        `{"type":"result","total_cost_usd":${number},"num_turns":${number},"usage":{"input_tokens":${number},"output_tokens":${number}}}`,
      ),
      raw(
        'opencode',
        `{"type":"step_finish","part":{"cost":${number},"tokens":{"input":${number},"output":${number},"cache":{"read":${number}}}}}`,
      ),
      raw(
        'codex',
        `{"type":"turn.completed","usage":{"input_tokens":${number},"cached_input_tokens":${number},"output_tokens":${number}}}`,
      ),
      raw(
        'gemini',
        `{"type":"result","status":"success","stats":{"total_tokens":${number},"input_tokens":${number},"output_tokens":${number}}}`,
      ),
    ];
    for (const usage of usages) {
      for (const value of Object.values(usage) as (number | null)[]) {
        // What a counter of Prometheus takes, and JSON can carry.
        expect(value === null || (Number.isFinite(value) && value >= 0 && value <= 1e13)).toBe(
          true,
        );
      }
    }
  });
});

describe('a line that is made to take long', () => {
  const PREFIXES = [
    ...[
      'invalid value ',
      'missing ',
      'memory allocation of 1',
      'please run ',
      'api key is ',
      'no ',
    ],
    ...[
      'exceeded your ',
      'error sending ',
      'timed ',
      'rate-',
      'set an ',
      'permission was ',
      '4',
      ' ',
    ],
  ];

  it.each(PREFIXES)('of an error that repeats %j does not', (prefix) => {
    const message = prefix.repeat(MIB / prefix.length);
    const began = performance.now();
    errorCodeOf(message);
    // Milliseconds; what is quadratic takes minutes.
    expect(performance.now() - began).toBeLessThan(1000);
  });

  it('has its words looked at in the beginning and at the end', () => {
    const long = 'x '.repeat(100_000);
    expect(errorCodeOf(`401 Unauthorized ${long}`)).toBe('auth_rejected');
    expect(errorCodeOf(`${long} fetch failed`)).toBe('network');
  });

  it('of countless parts is unknown', () => {
    const line = Buffer.from(
      `{"type":"assistant","message":{"content":[${'{},'.repeat(300_000)}{}]}}`,
    );
    expect(readLine(reading('claude'), line).activities).toEqual([{ type: 'unknown' }]);
  });
});

describe('what is kept of an error', () => {
  it.each([
    ['codex', { type: 'error', message: `429 ${'x'.repeat(MIB / 2)}` }],
    ['codex', { type: 'turn.failed', error: { message: 'x'.repeat(MIB / 2) } }],
    ['gemini', { type: 'error', message: `401 ${'x'.repeat(MIB / 2)}` }],
    ['claude', { type: 'result', is_error: true, result: 'x'.repeat(MIB / 2) }],
    ['opencode', { type: 'error', error: { data: { message: 'x'.repeat(MIB / 2) } } }],
  ])('of %s is short', (cli, line) => {
    expect(resultOf(cli, line).error!.message.length).toBeLessThanOrEqual(2000);
  });
});

it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
  'an item of codex of the type %s is no tool',
  (type) => {
    const line = JSON.stringify({ type: 'item.started', item: { id: 'i', type } });
    expect(readLine(reading('codex'), Buffer.from(line)).activities).toEqual([]);
    const end = JSON.stringify({ type: 'item.completed', item: { id: 'i', type } });
    expect(readLine(reading('codex'), Buffer.from(end)).activities).toEqual([{ type: 'unknown' }]);
  },
);

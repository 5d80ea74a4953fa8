import { type Expected, StreamCheck } from './stream-check.js';

const META = 'id: 1\nevent: meta\ndata: {"session_id":"s"}\n\n';
const LINES = [
  'id: 2\nevent: agent\ndata: 00000001 here\n\n',
  'id: 3\nevent: agent\ndata: 00000002 there\n\n',
];
const END =
  'id: 4\nevent: runner.exit\ndata: {"reason":"completed","return_code":0,"code":null}\n\n';
const GOOD = `\nid: 0\nretry: 3000\n\n${META}${LINES.join('')}: heartbeat\n\n${END}`;

const EXPECTED: Expected = {
  lines: 2,
  bytes: '00000001 here\n00000002 there\n'.length,
  firstId: 1,
};

/** Puts a stream before the check, in pieces of so many bytes. */
function check(stream: string, expected = EXPECTED, size = stream.length) {
  const rests: string[] = [];
  const checked = new StreamCheck(expected, { onLine: (rest) => rests.push(rest) });
  for (let at = 0; at < stream.length; at += size) {
    checked.push(Buffer.from(stream.slice(at, at + size)));
  }
  return { ...checked.end(), rests };
}

describe('the check of a stream', () => {
  it('takes a good one, wherever it is cut', () => {
    for (let size = 1; size <= GOOD.length; size += 1) {
      expect(check(GOOD, EXPECTED, size)).toEqual({
        agentEvents: 2,
        lastId: 4,
        rests: ['here', 'there'],
      });
    }
  });

  it('takes one without ids where none are expected, and only there', () => {
    const bare = [...LINES, END].join('').replaceAll(/^id: \d+\n/gm, '');
    expect(check(bare, { ...EXPECTED, firstId: null }).lastId).toBeNull();
    expect(() => check(bare)).toThrow('event null came where 1 was due');
    expect(() => check(GOOD, { ...EXPECTED, firstId: null })).toThrow('where null was due');
  });

  it('takes the rest of one from any event on', () => {
    const rest = { lines: 1, bytes: '00000002 there\n'.length, firstLine: 2, firstId: 3 };
    expect(check(LINES[1]! + END, rest)).toMatchObject({ agentEvents: 1, lastId: 4 });
  });

  it('counts the bytes of a line that is longer than what it looks at', () => {
    const line = `00000001 ${'x'.repeat(5000)}`;
    const stream = GOOD.replace('00000001 here', line);
    const bytes = EXPECTED.bytes + line.length - '00000001 here'.length;
    for (const size of [7, 512, 4096, stream.length]) {
      expect(check(stream, { ...EXPECTED, bytes }, size).agentEvents).toBe(2);
      expect(() => check(stream.replace('xx', 'x'), { ...EXPECTED, bytes }, size)).toThrow(
        `${bytes - 1} bytes came of ${bytes}`,
      );
    }
  });

  it.each([
    ['a lost meta', GOOD.replace(META, ''), 'event 2 came where 1 was due'],
    ['another event in the place of meta', GOOD.replace('meta', 'log'), 'the first event is log'],
    ['a lost line', GOOD.replace(LINES[0]!, ''), 'event 3 came where 2 was due'],
    ['a doubled line', GOOD.replace(LINES[0]!, LINES[0]! + LINES[0]!), 'event 2 came where 3'],
    ['an event without an id', GOOD.replace('id: 3\n', ''), 'event null came where 3 was due'],
    ['a line of another number', GOOD.replace('00000002', '00000003'), 'line 2 is 00000003'],
    ['a line too few', GOOD.replace('agent\ndata: 00000002', 'log\ndata: '), '1 lines came of 2'],
    ['a byte too few', GOOD.replace('there', 'ther'), '28 bytes came of 29'],
    ['no end', GOOD.replace(END, ''), 'the end is missing'],
    ['something behind the end', `${GOOD}id: 5\nevent: log\ndata: {}\n\n`, 'behind the end'],
    ['half of something behind the end', `${GOOD}id: 5\n`, 'behind the end'],
    ['something that is no event', GOOD.replace('event: agent', 'agent'), 'this is no event'],
    ['an agent that failed', GOOD.replace('_code":0', '_code":1'), 'the agent failed'],
  ])('refuses %s', (_what, stream, fault) => {
    expect(() => check(stream)).toThrow(fault);
  });
});

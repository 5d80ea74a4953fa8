import type { Activity, RunEvent, RunExit } from '../client/index.js';
import { clockText, durationText } from './durations.js';
import { RunReport } from './run-report.js';
import { Screen } from './screen.js';

const EXIT: RunExit = {
  ...{ run_id: 'r', session_id: 's', reason: 'completed', return_code: 0, code: null },
  ...{ detail: null, killed: false, survivors: 0, outcome: 'succeeded', error: null },
  ...{ result_text: null, usage: null },
};

function reported(tell: (report: RunReport) => void): string[] {
  let written = '';
  const out = { write: (text: string) => (written += text) };
  tell(new RunReport(new Screen(out as unknown as NodeJS.WriteStream, false, false)));
  return written.split('\n').slice(0, -1);
}
const activity = (data: Activity): RunEvent => ({ event: 'activity', id: 1, data });
const activities = (...all: Activity[]) =>
  reported((report) => {
    for (const it of all) report.take(activity(it));
    report.take({ event: 'runner.exit', id: 2, data: EXIT });
  });
const delta = (text: string, type: 'text' | 'reasoning' = 'text'): Activity => ({
  ...{ type, text },
  delta: true,
});
const call = (toolCallId: string, title: string): Activity => ({
  ...{ type: 'tool_call', toolCallId, title },
  kind: 'execute',
});

describe('what an agent says', () => {
  it('in parts is shown in whole lines, the last one when something else comes', () => {
    expect(activities(delta('Hel'), delta('lo\nwor'), delta('ld'), delta('!\n'))).toEqual([
      'Hello',
      'world!',
    ]);
    expect(activities(delta('a'), delta('b', 'reasoning'), delta('c'))).toEqual(['a', '~ b', 'c']);
    expect(activities(delta('open'), { type: 'text', text: 'whole\nmessage\n' })).toEqual([
      'open',
      'whole',
      'message',
    ]);
  });

  it('keeps its empty lines', () => {
    expect(activities({ type: 'text', text: 'a\n\nb\n\n' })).toEqual(['a', '', 'b']);
    expect(activities(delta('a\n'), delta('\n'), delta('b\n'))).toEqual(['a', '', 'b']);
  });
});

describe('what an agent does', () => {
  const end = (toolCallId: string, status: 'completed' | 'failed', rawOutput?: unknown) =>
    ({ type: 'tool_result', toolCallId, status, rawOutput }) as const;

  it('is named again where something else came between', () => {
    expect(activities(call('1', 'make'), call('2', 'ls'), end('2', 'completed'))).toEqual([
      '$ make',
      '$ ls',
      '  done',
    ]);
    expect(activities(call('1', 'make'), call('2', 'ls'), end('1', 'completed'))[2]).toBe(
      '  done: $ make',
    );
  });

  it.each([
    ['out\nof order', '  out ⏎ of order'],
    [{ output: 'words', exitCode: 1 }, '  words'],
    [{ output: '', stderr: 'other words' }, '  other words'],
    [{ code: 7 }, '  {"code":7}'],
    [`x\x1b${'y'.repeat(1000)}`, `  x\\x1b${'y'.repeat(294)}…`],
  ])('says why it failed: %j', (output, shown) => {
    expect(activities(call('1', 'make'), end('1', 'failed', output))).toEqual([
      '$ make',
      '  failed',
      shown,
    ]);
  });

  it('may end without having begun', () => {
    expect(activities(end('9', 'completed'))).toEqual(['  done']);
  });
});

describe('the end', () => {
  const ended = (exit: Partial<RunExit>) =>
    reported((report) => report.end({ ...EXIT, ...exit }, null));

  it.each<[Partial<RunExit>, string[]]>([
    [{}, ['completed: succeeded']],
    [{ outcome: 'unknown', return_code: 3 }, ['completed: unknown, exit code 3']],
    [
      { outcome: 'failed', error: { code: 'quota', message: 'No money.' } },
      ['completed: failed', '  No money. (quota)'],
    ],
    [
      { reason: 'timeout', detail: 'It took too long.', code: 'stalled', return_code: -15 },
      ['timeout, exit code -15', '  It took too long. (stalled)'],
    ],
    [{ reason: 'output_limit' }, ['output limit']],
    [
      {
        files: {
          created: Array.from({ length: 12 }, (_, index) => `f${index}`),
          ...{ modified: ['a\x1b'], deleted: [], total: { created: 300, modified: 1, deleted: 0 } },
        },
      },
      [
        'completed: succeeded',
        '  created: f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, and 290 more',
        '  modified: a\\x1b',
      ],
    ],
    [{ survivors: 2 }, ['completed: succeeded', '  2 of its processes could not be ended']],
  ])('of %j is told', (exit, lines) => expect(ended(exit)).toEqual(lines));

  it('tells what it took', () => {
    const usage = {
      ...{ input_tokens: 12345, cached_tokens: 0, output_tokens: 67, turns: 1 },
      ...{ cost_usd: 0.125, tool_calls: 1 },
    };
    expect(ended({ usage })).toEqual([
      'completed: succeeded, 1 tool call, 12,345 tokens in, 67 out, $0.13',
    ]);
  });

  it('says of lines that nobody understood where they are', () => {
    const lines = reported((report) => {
      report.take(activity({ type: 'unknown' }));
      report.take(activity({ type: 'unknown' }));
      report.end(EXIT, null);
    });
    expect(lines[0]).toBe('2 lines of another form; --view raw shows them');
  });
});

describe('a duration', () => {
  it.each([
    [-5, '0.0 s', '0:00'],
    [440, '0.4 s', '0:00'],
    [12_900, '12 s', '0:12'],
    [185_000, '3 min 05 s', '3:05'],
    [7_800_000, '2 h 10 min', '2:10:00'],
  ])('of %d ms is %s, or %s', (milliseconds, text, clock) => {
    expect([durationText(milliseconds), clockText(milliseconds)]).toEqual([text, clock]);
  });
});

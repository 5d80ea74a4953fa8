import {
  endOf,
  linesOf,
  RECORDED_CLIS as CLIS,
  type RecordedCli,
  scenariosOf,
  wordsOf,
} from '../../../test/support/recordings.js';
import type { Activity } from '../activity.js';
import { MAX_READ_BYTES, readLine } from '../agent-reading.js';
import type { AgentResult } from '../agent-result.js';
import { ResultCollector } from '../result-collector.js';
import { READINGS } from './index.js';

const readingOf = (cli: RecordedCli) => READINGS[cli];

function activitiesOf(cli: RecordedCli, scenario: string): Activity[] {
  return linesOf(cli, scenario).flatMap(
    (line) => readLine(readingOf(cli), Buffer.from(line)).activities,
  );
}

function collected(cli: RecordedCli, scenario: string, linesAtOnce: number): AgentResult {
  const collector = new ResultCollector(readingOf(cli));
  const lines = linesOf(cli, scenario);
  for (let at = 0; at < lines.length; at += linesAtOnce) {
    collector.lines(Buffer.from(lines.slice(at, at + linesAtOnce).join('\n')));
  }
  collector.noteWords(Buffer.from(wordsOf(cli, scenario)));
  const { return_code: returnCode, reason } = endOf(cli, scenario);
  return collector.conclude({ returnCode, isOwn: reason === 'completed' });
}

const scenarios = CLIS.flatMap((cli) =>
  scenariosOf(cli).map((scenario): [RecordedCli, string] => [cli, scenario]),
);

describe('recordings of the real CLIs', () => {
  it.each(scenarios)('%s, %s: every line is known', (cli, scenario) => {
    expect(activitiesOf(cli, scenario).filter(({ type }) => type === 'unknown')).toEqual([]);
  });

  // What is parsed while a run goes on is all that matters.
  it.each(scenarios)('%s, %s: the result needs only lines with a sign', (cli, scenario) => {
    const { signs, ...reading } = readingOf(cli);
    const collector = new ResultCollector({ ...reading, signs: [] });
    for (const line of linesOf(cli, scenario)) collector.lines(Buffer.from(line));
    const exit = { returnCode: null, isOwn: false };
    const bySigns = new ResultCollector({ ...reading, signs });
    bySigns.lines(Buffer.from(linesOf(cli, scenario).join('\n')));
    expect(bySigns.conclude(exit)).toEqual(collector.conclude(exit));
    expect(bySigns.talk).toEqual(collector.talk);
  });

  it.each(scenarios)('%s, %s: the result is the same however its lines come', (cli, scenario) => {
    expect(collected(cli, scenario, 1)).toEqual(collected(cli, scenario, 1000));
  });
});

/** The last message of each scenario in which all goes well. */
const SUCCESSES: Readonly<Record<string, string>> = {
  plain: 'All is well.',
  deltas: 'One two three.\nGröße: 5 µm',
  reasoning: 'Seven.',
  write: 'It is written.',
  shell: 'It has run.',
  'shell-fails': 'It has failed.',
  denied: 'It is not allowed.',
  'shell-denied': 'It is not allowed.',
};

/** The error of each scenario in which the model is not reached, or the CLI is not started right. */
const FAILURES: Readonly<Record<string, string>> = {
  401: 'auth_rejected',
  429: 'rate_limited',
  500: 'model_error',
  'no-key': 'auth_missing',
  unreachable: 'network',
  'wrong-option': 'cli_usage',
};

/** Those in which a CLI tries again until the time of its run is up. */
const PATIENT: Readonly<Record<RecordedCli, readonly string[]>> = {
  codex: ['unreachable'],
  claude: [],
  gemini: ['429', '500', 'unreachable'],
  opencode: ['429', '500', 'unreachable'],
};

/** Those in which a CLI may say nothing until then. */
const SILENT: Partial<Record<RecordedCli, readonly string[]>> = {
  opencode: ['429', '500', 'unreachable', 'no-key', 'shell-denied'],
};

/** Whether a recording of those is empty, which can mean but one thing. */
function isSilent(cli: RecordedCli, scenario: string): boolean {
  if (SILENT[cli]?.includes(scenario) !== true) return false;
  return linesOf(cli, scenario).length === 0 && wordsOf(cli, scenario) === '';
}

/** opencode does not mind that there is no key, and neither does the model of the recordings. */
const asksWithoutKey = (cli: RecordedCli, scenario: string) =>
  cli === 'opencode' && scenario === 'no-key';

function expectSilence(cli: RecordedCli, scenario: string): void {
  expect(endOf(cli, scenario).reason).toBe('timeout');
  expect(collected(cli, scenario, 1000)).toMatchObject({
    outcome: 'unknown',
    error: null,
    resultText: null,
  });
}

const pairs = (table: object) =>
  CLIS.flatMap((cli) => Object.keys(table).map((it): [RecordedCli, string] => [cli, it]));

describe('the result of an agent', () => {
  it.each(CLIS)('is known of every recording of %s', (cli) => {
    const known = [...Object.keys(SUCCESSES), ...Object.keys(FAILURES), 'cancel'];
    expect(scenariosOf(cli).sort()).toEqual(known.sort());
  });

  it.each(pairs(SUCCESSES))('%s, %s', (cli, scenario) => {
    if (isSilent(cli, scenario)) return expectSilence(cli, scenario);
    const result = collected(cli, scenario, 1000);
    expect([result.outcome, result.error]).toEqual(['succeeded', null]);
    expect(result.resultText).toBe(SUCCESSES[scenario]);
  });

  it.each(pairs(FAILURES))('%s, %s', (cli, scenario) => {
    if (isSilent(cli, scenario)) return expectSilence(cli, scenario);
    if (asksWithoutKey(cli, scenario)) {
      expect(collected(cli, scenario, 1000)).toMatchObject({
        outcome: 'succeeded',
        resultText: 'Never said.',
      });
      return;
    }
    const { reason } = endOf(cli, scenario);
    if (!PATIENT[cli].includes(scenario)) expect(reason).toBe('completed');
    const { outcome, error } = collected(cli, scenario, 1000);
    // Of a run that was ended from outside nobody knows how it would have gone.
    expect(outcome).toBe(reason === 'completed' ? 'failed' : 'unknown');
    expect(error?.code).toBe(FAILURES[scenario]);
  });

  it.each(CLIS)('is unknown where %s was cancelled, with what it had said', (cli) => {
    expect(endOf(cli, 'cancel').reason).toBe('cancelled');
    const { outcome, error, resultText } = collected(cli, 'cancel', 1000);
    expect([outcome, error]).toEqual(['unknown', null]);
    // The others show a message when they have all of it.
    expect(resultText).toBe(['claude', 'gemini'].includes(cli) ? 'Wait ' : null);
  });

  it.each(CLIS)('has what %s used', (cli) => {
    const { usage } = collected(cli, 'write', 1000);
    expect(usage).toMatchObject({
      inputTokens: 200,
      cachedTokens: 20,
      outputTokens: 40,
      toolCalls: 1,
    });
    expect(usage.costUsd === null).toBe(['codex', 'gemini'].includes(cli));
  });
});

describe('what an agent does', () => {
  it.each(CLIS)('is a call of a tool and its result in %s', (cli) => {
    const shown = activitiesOf(cli, 'shell');
    const call = shown.find((it) => it.type === 'tool_call')!;
    const result = shown.find((it) => it.type === 'tool_result')!;
    expect(call).toMatchObject({
      kind: 'execute',
      title: expect.stringContaining('echo from the shell'),
    });
    expect(result).toMatchObject({ toolCallId: call.toolCallId, status: 'completed' });
    expect(JSON.stringify(result.rawOutput)).toContain('from the shell');
    expect(shown.find((it) => it.type === 'session')?.sessionId).toMatch(/\w{8}/);
    const edit = activitiesOf(cli, 'write').find((it) => it.type === 'tool_call');
    expect(edit).toMatchObject({ kind: 'edit', title: expect.stringContaining('hello.txt') });
  });

  // opencode calls a tool of its own in the place of one that is not allowed, and that one works.
  it.each(['codex', 'claude', 'gemini'] as const)('has failed where %s was refused it', (cli) => {
    const shown = activitiesOf(cli, 'shell-denied');
    const call = shown.find((it) => it.type === 'tool_call')!;
    expect(shown.find((it) => it.type === 'tool_result')).toMatchObject({
      toolCallId: call.toolCallId,
      status: 'failed',
    });
  });

  it('keeps deltas deltas', () => {
    const texts = activitiesOf('gemini', 'deltas').filter((it) => it.type === 'text');
    expect(texts).toEqual([
      { type: 'text', text: 'One ', delta: true },
      { type: 'text', text: 'two ', delta: true },
      { type: 'text', text: 'three.\n', delta: true },
      { type: 'text', text: 'Größe: 5 µm', delta: true },
    ]);
  });

  it.each(['codex', 'claude'] as const)('has the thoughts that %s shows', (cli) => {
    expect(activitiesOf(cli, 'reasoning')).toContainEqual({
      type: 'reasoning',
      text: 'It asks for a number.',
    });
  });

  it.each([
    ['no JSON', 'plain words'],
    ['JSON that is no object', '[1]'],
    ['half an object', '{"type":"result"'],
    ['an event that nobody knows', '{"type":"of tomorrow"}'],
    ['too long', `{"type":"text","x":"${'x'.repeat(MAX_READ_BYTES)}"}`],
    ['nothing in it', '{}'],
  ])('is unknown where a line is %s', (_name, line) => {
    for (const cli of CLIS) {
      expect(readLine(readingOf(cli), Buffer.from(line))).toEqual({
        activities: [{ type: 'unknown' }],
      });
    }
  });

  it('never throws, whatever the members of an event are', () => {
    const values = [null, 1, 'x', [], {}, [{}], { content: [null, 1] }, { error: { data: 7 } }];
    const types = ['system', 'assistant', 'user', 'result', 'init', 'message', 'tool_use', 'error'];
    const more = ['tool_result', 'item.completed', 'turn.failed', 'step_finish', 'turn.completed'];
    for (const cli of CLIS) {
      for (const type of [...types, ...more]) {
        for (const value of values) {
          const event = { type, subtype: 'init', message: value, item: value, part: value };
          const line = JSON.stringify({ ...event, error: value, stats: value, usage: value });
          expect(() => readingOf(cli).read(line)).not.toThrow();
        }
      }
    }
  });
});

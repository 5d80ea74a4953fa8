import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Activity } from '../activity.js';
import { MAX_READ_BYTES, readLine } from '../agent-reading.js';
import type { AgentResult } from '../agent-result.js';
import { ResultCollector } from '../result-collector.js';
import { READINGS } from './index.js';

const RECORDINGS = resolve(__dirname, '..', '..', '..', 'test', 'recordings');
const CLIS = ['codex', 'claude', 'gemini', 'opencode'];

const readingOf = (cli: string) => READINGS.get(cli)!;
const fileOf = (cli: string, scenario: string, ending: string) =>
  readFileSync(join(RECORDINGS, cli, `${scenario}.${ending}`));

function linesOf(cli: string, scenario: string): Buffer[] {
  const text = fileOf(cli, scenario, 'jsonl').toString('utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => Buffer.from(line));
}

function activitiesOf(cli: string, scenario: string): Activity[] {
  return linesOf(cli, scenario).flatMap((line) => readLine(readingOf(cli), line).activities);
}

function collected(cli: string, scenario: string, linesAtOnce: number): AgentResult {
  const collector = new ResultCollector(readingOf(cli));
  const lines = linesOf(cli, scenario);
  for (let at = 0; at < lines.length; at += linesAtOnce) {
    const block = lines.slice(at, at + linesAtOnce).map((line) => line.toString('utf8'));
    collector.lines(Buffer.from(block.join('\n')));
  }
  collector.noteWords(fileOf(cli, scenario, 'stderr'));
  const { return_code: returnCode, reason } = JSON.parse(
    fileOf(cli, scenario, 'json').toString('utf8'),
  ) as { return_code: number; reason: string };
  return collector.conclude({ returnCode, isOwn: reason === 'completed' });
}

const scenarios = CLIS.flatMap((cli) =>
  readdirSync(join(RECORDINGS, cli))
    .filter((name) => name.endsWith('.jsonl'))
    .map((name): [cli: string, scenario: string] => [cli, name.slice(0, -'.jsonl'.length)]),
);

describe('recordings of the real CLIs', () => {
  it.each(scenarios)('%s, %s: every line is known', (cli, scenario) => {
    expect(activitiesOf(cli, scenario).filter(({ type }) => type === 'unknown')).toEqual([]);
  });

  // What is parsed while a run goes on is all that matters.
  it.each(scenarios)('%s, %s: the result needs only lines with a sign', (cli, scenario) => {
    const { signs, ...reading } = readingOf(cli);
    const collector = new ResultCollector({ ...reading, signs: [] });
    for (const line of linesOf(cli, scenario)) collector.lines(line);
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

/** What each scenario comes to: outcome, error code, last message. */
const RESULTS: [cli: string, scenario: string, outcome: string, code?: string, text?: string][] = [
  ['codex', 'plain', 'succeeded', undefined, 'All is well.'],
  ['codex', 'deltas', 'succeeded', undefined, 'One two three.\nGröße: 5 µm'],
  ['codex', 'reasoning', 'succeeded', undefined, 'Seven.'],
  ['codex', 'write', 'succeeded', undefined, 'It is written.'],
  ['codex', 'shell', 'succeeded', undefined, 'It has run.'],
  ['codex', 'shell-fails', 'succeeded', undefined, 'It has failed.'],
  ['codex', 'denied', 'succeeded', undefined, 'It is not allowed.'],
  ['codex', '401', 'failed', 'auth_rejected'],
  ['codex', '429', 'failed', 'rate_limited'],
  ['codex', '500', 'failed', 'model_error'],
  ['codex', 'no-key', 'failed', 'auth_missing'],
  ['codex', 'unreachable', 'unknown', 'network'],
  ['codex', 'cancel', 'unknown'],
  ['codex', 'wrong-option', 'failed', 'cli_usage'],
  ['claude', 'plain', 'succeeded', undefined, 'All is well.'],
  ['claude', 'deltas', 'succeeded', undefined, 'One two three.\nGröße: 5 µm'],
  ['claude', 'reasoning', 'succeeded', undefined, 'Seven.'],
  ['claude', 'write', 'succeeded', undefined, 'It is written.'],
  ['claude', 'shell', 'succeeded', undefined, 'It has run.'],
  ['claude', 'shell-fails', 'succeeded', undefined, 'It has failed.'],
  ['claude', 'denied', 'succeeded', undefined, 'It is not allowed.'],
  ['claude', '401', 'failed', 'auth_rejected'],
  ['claude', '429', 'failed', 'rate_limited'],
  ['claude', '500', 'failed', 'model_error'],
  ['claude', 'no-key', 'failed', 'auth_missing'],
  ['claude', 'unreachable', 'failed', 'network'],
  ['claude', 'cancel', 'unknown', undefined, 'Wait '],
  ['claude', 'wrong-option', 'failed', 'cli_usage'],
  ['gemini', 'plain', 'succeeded', undefined, 'All is well.'],
  ['gemini', 'deltas', 'succeeded', undefined, 'One two three.\nGröße: 5 µm'],
  ['gemini', 'write', 'succeeded', undefined, 'It is written.'],
  ['gemini', 'shell', 'succeeded', undefined, 'It has run.'],
  ['gemini', 'shell-fails', 'succeeded', undefined, 'It has failed.'],
  ['gemini', 'denied', 'succeeded', undefined, 'It is not allowed.'],
  ['gemini', '401', 'failed', 'auth_rejected'],
  ['gemini', '429', 'unknown', 'rate_limited'],
  ['gemini', '500', 'unknown', 'model_error'],
  ['gemini', 'no-key', 'failed', 'auth_missing'],
  ['gemini', 'unreachable', 'unknown', 'network'],
  ['gemini', 'cancel', 'unknown', undefined, 'Wait '],
  ['gemini', 'wrong-option', 'failed', 'cli_usage'],
  ['opencode', 'plain', 'succeeded', undefined, 'All is well.'],
  ['opencode', 'deltas', 'succeeded', undefined, 'One two three.\nGröße: 5 µm'],
  ['opencode', 'reasoning', 'succeeded', undefined, 'Seven.'],
  ['opencode', 'write', 'succeeded', undefined, 'It is written.'],
  ['opencode', 'shell', 'succeeded', undefined, 'It has run.'],
  ['opencode', 'shell-fails', 'succeeded', undefined, 'It has failed.'],
  ['opencode', 'denied', 'succeeded', undefined, 'It is not allowed.'],
  ['opencode', '401', 'failed', 'auth_rejected'],
  ['opencode', '500', 'unknown'],
  ['opencode', 'cancel', 'unknown'],
  ['opencode', 'wrong-option', 'failed', 'cli_usage'],
];

describe('the result of an agent', () => {
  it.each(RESULTS.map((row) => [row[0], row[1], row]))('%s, %s', (_cli, _scenario, row) => {
    const [cli, scenario, outcome, code, text] = row;
    const result = collected(cli, scenario, 1000);
    expect([result.outcome, result.error?.code]).toEqual([outcome, code]);
    if (text !== undefined) expect(result.resultText).toBe(text);
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

  it('keeps deltas deltas', () => {
    const texts = activitiesOf('gemini', 'deltas').filter((it) => it.type === 'text');
    expect(texts).toEqual([
      { type: 'text', text: 'One ', delta: true },
      { type: 'text', text: 'two ', delta: true },
      { type: 'text', text: 'three.\n', delta: true },
      { type: 'text', text: 'Größe: 5 µm', delta: true },
    ]);
  });

  it.each(['codex', 'claude'])('has the thoughts that %s shows', (cli) => {
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

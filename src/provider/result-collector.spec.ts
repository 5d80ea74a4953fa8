import {
  linesOf,
  RECORDED_CLIS,
  type RecordedCli,
  wordsOf,
} from '../../test/support/recordings.js';
import { readLine } from './agent-reading.js';
import type { AgentResult } from './agent-result.js';
import { READINGS } from './readings/index.js';
import type { Talk } from './talk.js';
import { ResultCollector, type SeenExit } from './result-collector.js';

const readingOf = (cli: string) => READINGS[cli as keyof typeof READINGS];
const read = (cli: string, line: string) => readLine(readingOf(cli), Buffer.from(line));

/** The line in which a CLI says how its work has gone, of one recording. */
const concluding = (cli: RecordedCli, scenario: string) =>
  linesOf(cli, scenario).findLast((line) => read(cli, line).verdict !== undefined)!;
/** What else it says in it; without its text, if it is to say nothing yet. */
const opening = (cli: RecordedCli, scenario: string, hasText = true) =>
  linesOf(cli, scenario).filter((line) => {
    const { activities, verdict } = read(cli, line);
    return verdict === undefined && (hasText || activities.every(({ type }) => type !== 'text'));
  });

function collect(
  cli: string,
  lines: readonly string[],
  exit: SeenExit,
  words: string = '',
): AgentResult {
  const collector = new ResultCollector(readingOf(cli));
  collector.lines(Buffer.from(lines.join('\n')));
  if (words !== '') collector.noteWords(Buffer.from(words));
  return collector.conclude(exit);
}

const WORDS = {
  none: '',
  plain: 'Reading the workspace.\nDone with it.',
  network: 'Starting.\nconnect ECONNREFUSED 127.0.0.1:8080\nBye.',
  memory: `FATAL ERROR: Reached heap limit: JavaScript heap out of memory\n${'frame\n'.repeat(9)}`,
} as const;
const own = (returnCode: number): SeenExit => ({ returnCode, isOwn: true });
const stopped = (returnCode: number | null): SeenExit => ({ returnCode, isOwn: false });

type Said = 'success' | 'failure' | 'nothing';
type Row = [
  said: Said,
  exit: SeenExit,
  words: keyof typeof WORDS,
  hasText: boolean,
  outcome: AgentResult['outcome'],
  code?: string,
];

/** What holds for every CLI that says of each run how it went. */
const ROWS: Row[] = [
  // What it says itself is what counts.
  ['success', own(0), 'none', true, 'succeeded'],
  ['success', own(1), 'network', true, 'succeeded'],
  ['success', own(-9), 'memory', true, 'succeeded'],
  ['success', stopped(-15), 'none', false, 'succeeded'],
  ['success', stopped(null), 'network', true, 'succeeded'],
  ['failure', own(0), 'none', false, 'failed', 'auth_rejected'],
  ['failure', own(0), 'memory', true, 'failed', 'auth_rejected'],
  ['failure', own(1), 'network', false, 'failed', 'auth_rejected'],
  ['failure', stopped(1), 'none', true, 'failed', 'auth_rejected'],
  ['failure', stopped(null), 'network', false, 'failed', 'auth_rejected'],
  // One that ends without saying it has failed, whatever its status.
  ['nothing', own(0), 'none', true, 'failed', 'agent_crashed'],
  ['nothing', own(0), 'none', false, 'failed', 'agent_crashed'],
  ['nothing', own(0), 'plain', true, 'failed', 'agent_crashed'],
  ['nothing', own(0), 'network', true, 'failed', 'network'],
  ['nothing', own(0), 'memory', true, 'failed', 'out_of_memory'],
  ['nothing', own(1), 'none', true, 'failed', 'agent_crashed'],
  ['nothing', own(1), 'plain', false, 'failed', 'agent_crashed'],
  ['nothing', own(1), 'network', false, 'failed', 'network'],
  ['nothing', own(134), 'memory', true, 'failed', 'out_of_memory'],
  ['nothing', own(-9), 'none', false, 'failed', 'agent_crashed'],
  ['nothing', own(-9), 'network', true, 'failed', 'network'],
  // One that was ended had no chance to say it.
  ['nothing', stopped(0), 'none', true, 'unknown'],
  ['nothing', stopped(1), 'none', false, 'unknown'],
  ['nothing', stopped(-15), 'plain', false, 'unknown'],
  ['nothing', stopped(null), 'none', true, 'unknown'],
  // What it waited for, as long as nothing has come.
  ['nothing', stopped(-15), 'network', false, 'unknown', 'network'],
  ['nothing', stopped(null), 'network', false, 'unknown', 'network'],
  ['nothing', stopped(-15), 'network', true, 'unknown'],
  // An end that nobody has seen is not one of its own.
  ['nothing', { returnCode: null, isOwn: true }, 'none', true, 'unknown'],
];

describe.each(RECORDED_CLIS)('the result of %s', (cli) => {
  it.each(ROWS)('says %s, exit %j, words %s, text %s: %s %s', (...row) => {
    const [said, exit, words, hasText, outcome, code] = row;
    const ends = {
      success: [concluding(cli, 'plain')],
      failure: [concluding(cli, '401')],
      nothing: [],
    }[said];
    const result = collect(cli, [...opening(cli, 'plain', hasText), ...ends], exit, WORDS[words]);
    expect([result.outcome, result.error?.code]).toEqual([outcome, code]);
    // claude says its text once more where it says that all went well.
    const isRepeated = cli === 'claude' && said === 'success';
    expect(result.resultText).toBe(hasText || isRepeated ? 'All is well.' : null);
  });

  it('is that of its last words, where it says twice how it went', () => {
    const [good, bad] = [concluding(cli, 'plain'), concluding(cli, '401')];
    expect(collect(cli, [good, bad], own(0))).toMatchObject({
      outcome: 'failed',
      error: { code: 'auth_rejected', message: expect.stringContaining('The key is not valid.') },
    });
    expect(collect(cli, [bad, good], own(1))).toMatchObject({ outcome: 'succeeded', error: null });
  });

  it('says of a silent end how it came', () => {
    const messageOf = (exit: SeenExit) => collect(cli, [], exit).error?.message;
    expect(messageOf(own(0))).toContain('ended with status 0');
    expect(messageOf(own(-6))).toContain('was ended by signal 6');
  });

  it('has the last message alone', () => {
    const lines = [...opening(cli, 'deltas'), ...opening(cli, 'write')];
    const cut = lines.findLastIndex((line) =>
      read(cli, line).activities.some(({ type }) => type === 'tool_call'),
    );
    const before = collect(cli, lines.slice(0, cut), own(1));
    expect(before.resultText).toBe('One two three.\nGröße: 5 µm');
    expect(collect(cli, lines, own(1)).resultText).toBe('It is written.');
  });
});

describe("a CLI's own exit status", () => {
  it.each<[cli: RecordedCli, status: number, code: string]>([
    ['codex', 2, 'cli_usage'],
    ['gemini', 41, 'auth_missing'],
    ['gemini', 42, 'cli_usage'],
    ['gemini', 52, 'cli_usage'],
    ['gemini', 55, 'permission_denied'],
  ])('of %s, %d, means %s, whatever its words', (cli, status, code) => {
    for (const words of ['none', 'network'] as const) {
      expect(collect(cli, [], own(status), WORDS[words])).toMatchObject({
        outcome: 'failed',
        error: { code, message: expect.stringContaining(`status ${status}`) },
      });
    }
    expect(collect(cli, [], stopped(status))).toMatchObject({ outcome: 'unknown', error: null });
  });

  it.each<[cli: RecordedCli, status: number, scenario: string]>([
    ['codex', 2, 'wrong-option'],
    ['gemini', 41, 'no-key'],
  ])('of %s, %d, is explained by words that mean the same', (cli, status, scenario) => {
    const words = wordsOf(cli, scenario);
    const { message } = collect(cli, [], own(status), words).error!;
    expect(words.split('\n')).toContain(message);
  });

  it('is not looked up where it means nothing', () => {
    expect(collect('claude', [], own(41)).error?.code).toBe('agent_crashed');
    expect(collect('gemini', [], own(2)).error?.code).toBe('agent_crashed');
  });
});

describe('what an agent warned of', () => {
  const warnings = {
    codex: opening('codex', 'unreachable'),
    claude: opening('claude', '401', false),
  };

  it.each([
    ['codex', own(1), 'none', 'failed', 'network'],
    ['codex', own(0), 'none', 'failed', 'network'],
    ['codex', stopped(1), 'none', 'unknown', 'network'],
    ['claude', own(1), 'none', 'failed', 'auth_rejected'],
    ['claude', stopped(null), 'none', 'unknown', 'auth_rejected'],
    // Its last words are nearer to its end.
    ['claude', own(1), 'network', 'failed', 'network'],
    ['claude', stopped(-15), 'network', 'unknown', 'auth_rejected'],
  ] as const)('%s, exit %j, words %s: %s %s', (cli, exit, words, outcome, code) => {
    const result = collect(cli, warnings[cli], exit, WORDS[words]);
    expect([result.outcome, result.error?.code]).toEqual([outcome, code]);
  });

  it('is forgotten where all went well at last', () => {
    for (const cli of ['codex', 'claude'] as const) {
      const lines = [...warnings[cli], concluding(cli, 'plain')];
      expect(collect(cli, lines, own(0))).toMatchObject({ outcome: 'succeeded', error: null });
    }
  });
});

it('an error without a verdict is why an agent has failed', () => {
  const line = '{"type":"error","severity":"error","message":"Too Many Requests"}';
  for (const exit of [own(0), own(1)]) {
    expect(collect('gemini', [line], exit, WORDS.network)).toMatchObject({
      outcome: 'failed',
      error: { code: 'rate_limited', message: 'Too Many Requests' },
    });
  }
});

describe('a CLI that never says how it went', () => {
  it.each([
    [own(0), 'none', 'unknown', undefined],
    [own(0), 'network', 'unknown', undefined],
    [own(0), 'memory', 'failed', 'out_of_memory'],
    [own(1), 'none', 'failed', 'agent_crashed'],
    [own(1), 'network', 'failed', 'network'],
    [stopped(-15), 'none', 'unknown', undefined],
  ] as const)('exit %j, words %s: %s %s', (exit, words, outcome, code) => {
    const result = collect('text', ['All is well.'], exit, WORDS[words]);
    expect([result.outcome, result.error?.code]).toEqual([outcome, code]);
    expect(result.resultText).toBe('All is well.\n');
  });
});

describe('what a run has used of a talk that goes on', () => {
  const used = (cli: string, resumed: Talk | null, line: object) => {
    const collector = new ResultCollector(readingOf(cli), resumed);
    collector.lines(Buffer.from(JSON.stringify(line)));
    return { ...collector.conclude({ returnCode: 0, isOwn: true }).usage, talk: collector.talk };
  };
  const codex = (tokens: number) => ({
    type: 'turn.completed',
    usage: { input_tokens: tokens, cached_input_tokens: tokens, output_tokens: tokens },
  });
  const claude = (dollars: number) => ({
    type: 'result',
    total_cost_usd: dollars,
    usage: { input_tokens: 100, output_tokens: 20 },
  });
  const counted = { inputTokens: 100, cachedReadTokens: 100, outputTokens: 100 };
  const before: Talk = { id: 'x', counted, costUsd: 0.1 };

  it('is its own part, where the CLI counts all of the talk', () => {
    expect(used('codex', before, codex(130))).toMatchObject({ inputTokens: 30, outputTokens: 30 });
    expect(used('claude', before, claude(0.3))).toMatchObject({ inputTokens: 100, costUsd: 0.2 });
  });

  it('is all that is counted, where the CLI has begun to count anew, or the talk is new', () => {
    expect(used('codex', before, codex(40))).toMatchObject({ inputTokens: 40, outputTokens: 40 });
    expect(used('codex', null, codex(40))).toMatchObject({ inputTokens: 40 });
    expect(used('claude', before, claude(0.05))).toMatchObject({ costUsd: 0.05 });
    expect(used('claude', null, claude(0.3))).toMatchObject({ costUsd: 0.3 });
  });
});

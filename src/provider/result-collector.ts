import { wholeCharacters } from '../common/cut-text.js';
import type { Activity, Notice, UsageActivity } from './activity.js';
import { type AgentError, agentError, knownError } from './agent-error.js';
import { type AgentReading, readLine, type Verdict } from './agent-reading.js';
import type { AgentResult, AgentUsage } from './agent-result.js';
import { ExitWords } from './exit-words.js';
import { LinesWith } from './lines-with.js';
import type { Talk, TokenCounts } from './talk.js';

/** The most bytes of a result's text. */
const MAX_TEXT_BYTES = 64 * 1024;

/** How an agent's process was seen to end. */
export interface SeenExit {
  /** Negative for a signal; null if nobody saw it. */
  returnCode: number | null;
  /** Nobody had asked it to end. */
  isOwn: boolean;
}

/** Gathers the result of one run while its agent writes. */
export class ResultCollector {
  private verdict: Verdict | null = null;
  private error: AgentError | null = null;
  private warning: AgentError | null = null;
  private text: string | null = null;
  /** The next piece of text goes on with the last one. */
  private isTextOpen = false;
  private toolCalls = 0;
  private used: UsageActivity | null = null;
  private steps = 0;
  private talkId: string | null = null;
  private readonly words = new ExitWords();
  private readonly telling: LinesWith;

  /** @param resumed the talk that the run goes on with, if it does */
  constructor(
    private readonly reading: AgentReading,
    private readonly resumed: Talk | null = null,
  ) {
    this.telling = new LinesWith(reading.signs);
  }

  /** The run's talk; null as long as the CLI has not named it. */
  get talk(): Talk | null {
    if (this.talkId === null) return null;
    const { used } = this;
    const counted = used === null ? (this.resumed?.counted ?? null) : countsOf(used);
    const costUsd = used?.cost?.amount ?? this.resumed?.costUsd ?? null;
    return {
      id: this.talkId,
      counted: this.countsTalk ? counted : null,
      costUsd: this.reading.costsTalks ? costUsd : null,
    };
  }

  /** @param block whole lines of the agent's stdout, with an LF between two; read before this returns */
  lines(block: Buffer): void {
    for (const line of this.telling.in(block)) {
      const { activities, verdict } = readLine(this.reading, line);
      activities.forEach((it) => this.note(it));
      if (verdict !== undefined) this.verdict = verdict;
    }
  }

  /** @param block whole lines of the agent's stderr, read before this returns */
  noteWords(block: Buffer): void {
    this.words.add(block);
  }

  /** @param shown takes the secrets out of a text: one may have come in pieces, or with other escapes */
  conclude(exit: SeenExit, shown = (text: string) => text): AgentResult {
    const { outcome, error } = this.judge(exit);
    return {
      outcome,
      error: error === null ? null : { ...error, message: shown(error.message) },
      resultText: this.resultText(shown),
      usage: this.usage(),
    };
  }

  private get countsTalk(): boolean {
    return this.reading.usageSpan === 'talk';
  }

  private note(activity: Activity): void {
    switch (activity.type) {
      case 'text':
        this.noteText(activity.text, activity.delta === true);
        return;
      case 'tool_call':
        this.isTextOpen = false;
        this.toolCalls += 1;
        return;
      case 'usage':
        this.steps += 1;
        this.used = sum(this.used, activity);
        return;
      case 'error':
        this.error = worded(errorOf(activity)) ?? this.error;
        return;
      case 'warning':
        // What it goes on after may still be what it fails of at last.
        if (activity.code !== null) this.warning = errorOf(activity);
        return;
      case 'session':
        this.talkId = activity.sessionId;
        return;
      default:
        this.isTextOpen = false;
    }
  }

  private noteText(text: string, isDelta: boolean): void {
    const before = isDelta && this.isTextOpen ? this.text! : '';
    if (before.length < MAX_TEXT_BYTES) this.text = before + text;
    this.isTextOpen = isDelta;
  }

  private judge({ returnCode, isOwn }: SeenExit): Pick<AgentResult, 'outcome' | 'error'> {
    if (this.verdict?.outcome === 'succeeded') return { outcome: 'succeeded', error: null };
    const said = this.error ?? this.warning;
    if (this.verdict !== null) {
      const error = worded(this.verdict.error) ?? said ?? this.words.failure;
      return { outcome: 'failed', error: error ?? unexplained() };
    }
    // Who was ended from outside had no chance to say how it went; what it waited for it may have said.
    if (!isOwn || returnCode === null) {
      const waitedFor = this.text === null ? this.words.failure : null;
      return { outcome: 'unknown', error: said ?? waitedFor };
    }
    const error = this.words.crash ?? this.ownFailure(returnCode);
    return { outcome: error === null ? 'unknown' : 'failed', error };
  }

  /** Why an agent that ended by itself, without a word of how it went, has failed; null if it may have succeeded. */
  private ownFailure(returnCode: number): AgentError | null {
    if (this.error !== null) return this.error;
    if (returnCode === 0 && !this.reading.concludes) return null;
    const code = this.reading.exitCodes[returnCode];
    const words = this.words.failure;
    if (code !== undefined) {
      return words?.code === code ? words : { code, message: exitMessage(returnCode) };
    }
    return words ?? this.warning ?? { code: 'agent_crashed', message: exitMessage(returnCode) };
  }

  private resultText(shown: (text: string) => string): string | null {
    const said = this.verdict?.resultText ?? this.text;
    if (said === null) return null;
    const text = shown(said);
    const bytes = Buffer.from(text);
    if (bytes.length <= MAX_TEXT_BYTES) return text;
    return bytes.toString('utf8', 0, wholeCharacters(bytes, MAX_TEXT_BYTES));
  }

  /** What was used, without what the CLI had counted before this run. */
  private ofRunAlone(used: TokenCounts): TokenCounts {
    const before = this.countsTalk ? this.resumed?.counted : null;
    // One that has begun to count anew.
    if (!before || before.inputTokens > used.inputTokens) return used;
    return {
      inputTokens: used.inputTokens - before.inputTokens,
      cachedReadTokens: Math.max(0, used.cachedReadTokens - before.cachedReadTokens),
      outputTokens: Math.max(0, used.outputTokens - before.outputTokens),
    };
  }

  private costOfRunAlone(): number | null {
    const cost = this.used?.cost?.amount ?? null;
    const before = this.reading.costsTalks ? (this.resumed?.costUsd ?? 0) : 0;
    if (cost === null || before > cost) return cost;
    // To the billionth, so that a difference does not show how numbers are stored.
    return Number((cost - before).toFixed(9));
  }

  private usage(): AgentUsage {
    const { used } = this;
    const counts = used === null ? null : this.ofRunAlone(used);
    return {
      inputTokens: counts?.inputTokens ?? null,
      cachedTokens: counts?.cachedReadTokens ?? null,
      outputTokens: counts?.outputTokens ?? null,
      costUsd: this.costOfRunAlone(),
      turns:
        this.verdict?.turns ??
        (this.reading.usageSpan === 'turn' && used !== null ? this.steps : null),
      toolCalls: this.toolCalls,
    };
  }
}

function countsOf({ inputTokens, cachedReadTokens, outputTokens }: TokenCounts): TokenCounts {
  return { inputTokens, cachedReadTokens, outputTokens };
}

function sum(before: UsageActivity | null, more: UsageActivity): UsageActivity {
  if (before === null) return more;
  const costs = [before.cost, more.cost].filter((cost) => cost !== null);
  return {
    type: 'usage',
    inputTokens: before.inputTokens + more.inputTokens,
    cachedReadTokens: before.cachedReadTokens + more.cachedReadTokens,
    outputTokens: before.outputTokens + more.outputTokens,
    cost:
      costs.length === 0
        ? null
        : { amount: costs.reduce((all, { amount }) => all + amount, 0), currency: 'USD' },
  };
}

function errorOf({ code, message }: Notice): AgentError {
  return code === null ? agentError(message, 'model_error') : knownError(code, message);
}

/** One that says nothing explains nothing. */
function worded(error: AgentError | undefined): AgentError | null {
  return error === undefined || error.message === '' ? null : error;
}

function unexplained(): AgentError {
  return { code: 'model_error', message: 'The agent says that it failed, but not why.' };
}

function exitMessage(returnCode: number): string {
  const how =
    returnCode < 0
      ? `was ended by signal ${-returnCode}, which the runner did not send`
      : `ended with status ${returnCode}`;
  return `The agent ${how}. No line that is read as one of its CLI's says how its work went; its stderr stands in the events.`;
}

import type { Activity, RunBody, RunEvent, RunExit } from '../client/index.js';
import { clockText, durationText } from './durations.js';
import { callText, endText, filesTexts, outputText, usageTexts } from './run-words.js';
import { safeLine } from './safe-text.js';
import type { Screen, Style } from './screen.js';

type ToolCall = Extract<Activity, { type: 'tool_call' }>;
type ToolResult = Extract<Activity, { type: 'tool_result' }>;

/** What took no longer is not worth its time: it may also have been long ago. */
const MIN_DURATION_MS = 100;

/** Tells people what an agent says and does, as it comes. */
export class RunReport {
  private readonly since = performance.now();
  /** Text of which the end of the line has not come yet. */
  private pending: { type: 'text' | 'reasoning'; text: string } | null = null;
  private readonly calls = new Map<string, { call: ToolCall; since: number }>();
  private lastCallId: string | null = null;
  private unknownLines = 0;
  private doing = 'asking the server';

  constructor(private readonly screen: Screen) {
    screen.show(() => `${clockText(performance.now() - this.since)} ${this.doing}`);
  }

  /** What goes on now, for the line that is rewritten. */
  set status(text: string) {
    this.doing = text;
  }

  take(event: RunEvent): void {
    switch (event.event) {
      case 'queued':
        return this.queued(event.data);
      case 'meta':
        return this.meta(event.data);
      case 'agent':
        return this.line(event.data);
      case 'activity':
        return this.activity(event.data);
      case 'log':
        return this.line(event.data.text, 'dim', '! ');
      case 'stalled':
        return this.line(`the agent has said nothing for ${event.data.silent_seconds} s`, 'yellow');
      case 'shutdown':
        return this.line('the server stops; what runs has a little time left to end', 'yellow');
      case 'runner.exit':
        this.finishText();
        this.screen.show(null);
        return;
      default:
        return;
    }
  }

  /** Something that is no word of the agent. */
  note(text: string, style: Style = 'yellow'): void {
    this.line(text, style);
  }

  /**
   * The last lines: how it ended, and what it took.
   * @param run what the server knows of the run, if it could be asked
   */
  end(exit: RunExit, run: RunBody | null): void {
    if (this.unknownLines > 0) {
      const lines = this.unknownLines === 1 ? 'line' : 'lines';
      this.line(`${this.unknownLines} ${lines} of another form; --view raw shows them`, 'dim');
    }
    const isGood = exit.reason === 'completed' && exit.outcome !== 'failed';
    const parts = [endText(exit, run), ...usageTexts(exit.usage)];
    this.line(parts.join(', '), isGood ? 'green' : 'red');
    if (exit.error !== null) this.line(`${exit.error.message} (${exit.error.code})`, 'red', '  ');
    else if (exit.detail !== null) {
      const code = exit.code === null ? '' : ` (${exit.code})`;
      this.line(exit.detail + code, 'red', '  ');
    }
    for (const text of filesTexts(exit)) this.line(text, 'dim', '  ');
    if (exit.survivors > 0) {
      this.line(`${exit.survivors} of its processes could not be ended`, 'red', '  ');
    }
  }

  private queued({ position, pending_total }: { position: number; pending_total: number }): void {
    const place = `waiting, place ${position} of ${pending_total}`;
    this.doing = place;
    this.line(place, 'dim');
  }

  private meta(meta: Extract<RunEvent, { event: 'meta' }>['data']): void {
    const { agent } = meta;
    const facts = [agent.provider, agent.model, agent.sandbox_mode ?? agent.sandbox_policy];
    const names = `run ${meta.run_id} in session ${meta.session_id}`;
    this.line(`${names}: ${facts.filter((it) => it !== null).join(', ')}`, 'dim');
    if (meta.package !== undefined) this.line(`package ${meta.package.package_id}`, 'dim');
    for (const name of meta.package?.collisions ?? []) {
      this.line(`not linked, since the session has one of its own: ${safeLine(name)}`, 'yellow');
    }
    this.doing = 'working';
  }

  private activity(activity: Activity): void {
    switch (activity.type) {
      case 'text':
      case 'reasoning':
        this.text(activity);
        return;
      case 'tool_call':
        return this.toolCall(activity);
      case 'tool_result':
        return this.toolResult(activity);
      case 'warning':
      case 'error': {
        const code = activity.code === null ? '' : ` (${activity.code})`;
        const style = activity.type === 'error' ? 'red' : 'yellow';
        return this.line(`${activity.type}: ${activity.message}${code}`, style);
      }
      case 'unknown':
        this.unknownLines += 1;
        return;
      default:
        return;
    }
  }

  private text({ type, text, delta }: Extract<Activity, { type: 'text' | 'reasoning' }>): void {
    this.doing = type === 'text' ? 'writing' : 'thinking';
    if (this.pending !== null && this.pending.type !== type) this.finishText();
    if (delta !== true) this.finishText();
    const all = (this.pending?.text ?? '') + text;
    // As many whole lines as there are; the rest waits for its end.
    const end = delta === true ? all.lastIndexOf('\n') : all.length;
    if (end >= 0) this.say(type, delta === true ? all.slice(0, end) : all);
    const rest = delta === true ? all.slice(end + 1) : '';
    this.pending = rest === '' ? null : { type, text: rest };
  }

  private say(type: 'text' | 'reasoning', text: string): void {
    this.lastCallId = null;
    if (type === 'text') this.screen.text(text.replace(/\n+$/, ''));
    else this.screen.text(text.replace(/\n+$/, ''), 'dim', '~ ');
  }

  private finishText(): void {
    const rest = this.pending;
    this.pending = null;
    if (rest !== null) this.say(rest.type, rest.text);
  }

  private toolCall(call: ToolCall): void {
    this.calls.set(call.toolCallId, { call, since: performance.now() });
    this.line(callText(call), 'cyan');
    this.lastCallId = call.toolCallId;
    this.showCalls();
  }

  private toolResult({ toolCallId, status, rawOutput }: ToolResult): void {
    const begun = this.calls.get(toolCallId);
    this.calls.delete(toolCallId);
    const took = begun === undefined ? 0 : performance.now() - begun.since;
    const time = took < MIN_DURATION_MS ? '' : ` in ${durationText(took)}`;
    const which =
      begun === undefined || this.lastCallId === toolCallId ? '' : `: ${callText(begun.call)}`;
    const isGood = status === 'completed';
    this.line(`${isGood ? 'done' : 'failed'}${time}${which}`, isGood ? 'dim' : 'red', '  ');
    const said = isGood ? '' : outputText(rawOutput);
    if (said !== '') this.line(said, 'red', '  ');
    this.showCalls();
  }

  private showCalls(): void {
    const last = [...this.calls.values()].at(-1);
    if (last === undefined) {
      this.doing = 'working';
      return;
    }
    const { call, since } = last;
    // How long it takes is told anew whenever the line is drawn.
    this.screen.show(() => {
      const now = performance.now();
      if (!this.calls.has(call.toolCallId)) return `${clockText(now - this.since)} ${this.doing}`;
      return `${clockText(now - this.since)} ${callText(call)} (${durationText(now - since)})`;
    });
  }

  private line(text: string, style?: Style, prefix = ''): void {
    this.finishText();
    this.lastCallId = null;
    this.screen.text(text, style, prefix);
  }
}

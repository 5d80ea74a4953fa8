import type { Activity, RunBody, RunExit } from '../client/index.js';
import { durationText } from './durations.js';
import { safeLine } from './safe-text.js';

/** How much of a title, and of what a tool says, is shown, in characters. */
const MAX_TITLE = 300;

/** A tool that is used, in one line. */
export function callText({ kind, title }: Extract<Activity, { type: 'tool_call' }>): string {
  const line = shortened(safeLine(title.trim()));
  return kind === 'execute' ? `$ ${line}` : `* ${kind === 'other' ? '' : `${kind}: `}${line}`;
}

/** By which names CLIs have the words of what a tool has said. */
const OUTPUT_MEMBERS = ['output', 'stderr', 'error', 'message', 'text', 'content', 'stdout'];

/** The first words of what a tool has said, whatever form they have. */
export function outputText(output: unknown): string {
  if (typeof output === 'string') return shortened(safeLine(output.trim()));
  if (typeof output !== 'object' || output === null) return '';
  const members = output as Record<string, unknown>;
  const words = OUTPUT_MEMBERS.map((name) => members[name]).find(
    (value) => typeof value === 'string' && value.trim() !== '',
  );
  return shortened(safeLine((words as string | undefined)?.trim() ?? JSON.stringify(output)));
}

function shortened(text: string): string {
  const characters = Array.from(text.slice(0, 2 * MAX_TITLE));
  if (characters.length <= MAX_TITLE && text.length <= 2 * MAX_TITLE) return text;
  return `${characters.slice(0, MAX_TITLE - 1).join('')}…`;
}

/** How a run ended, and after how long. */
export function endText(exit: RunExit, run: RunBody | null): string {
  const [from, to] = [run?.started_at, run?.ended_at].map((it) => Date.parse(it ?? ''));
  const took = Number.isNaN(to! - from!) ? '' : ` after ${durationText(to! - from!)}`;
  const outcome = exit.reason === 'completed' && exit.outcome !== null ? `: ${exit.outcome}` : '';
  const code =
    exit.return_code === null || exit.return_code === 0 ? '' : `, exit code ${exit.return_code}`;
  return `${exit.reason.replace('_', ' ')}${took}${outcome}${code}`;
}

/** How many paths of each kind are shown. */
const MAX_PATHS = 10;

/** What a run has changed, a line for each kind. */
export function filesTexts({ files }: RunExit): string[] {
  if (files === undefined || files === null) return [];
  return (['created', 'modified', 'deleted'] as const).flatMap((kind) => {
    const count = files.total[kind];
    if (count === 0) return [];
    const shown = files[kind].slice(0, MAX_PATHS);
    const more = count > shown.length ? [`and ${count - shown.length} more`] : [];
    return [`${kind}: ${[...shown.map((it) => shortened(safeLine(it))), ...more].join(', ')}`];
  });
}

/** What a run has used, as far as its CLI says it. */
export function usageTexts(usage: RunExit['usage']): string[] {
  if (usage === null) return [];
  const count = (value: number) => value.toLocaleString('en-US');
  const texts: string[] = [];
  if (usage.tool_calls > 0) {
    texts.push(`${count(usage.tool_calls)} tool call${usage.tool_calls === 1 ? '' : 's'}`);
  }
  if (usage.input_tokens !== null && usage.output_tokens !== null) {
    if (usage.input_tokens + usage.output_tokens > 0) {
      texts.push(`${count(usage.input_tokens)} tokens in, ${count(usage.output_tokens)} out`);
    }
  }
  if (usage.cost_usd !== null) texts.push(`$${usage.cost_usd.toFixed(2)}`);
  return texts;
}

import { shortened } from '../../common/cut-text.js';
import { isJsonObject } from '../../common/json.js';
import type { ToolKind } from '../activity.js';
import { textAt } from './json-line.js';

/** What the tools of the CLIs do, by words in their names; the first rule that holds. */
const KINDS: readonly [kind: ToolKind, words: RegExp][] = [
  ['execute', /bash|shell|exec|command|terminal/],
  ['search', /grep|glob|search_file|find|search$|^ls$|list/],
  ['fetch', /web|fetch|http/],
  ['read', /read|view|cat$/],
  ['edit', /write|edit|replace|patch|notebook/],
  ['delete', /delete|remove/],
  ['move', /move|rename/],
  ['think', /think|todo|plan|task|memory/],
];
/** What of a tool's input says best what it is used on. */
const SUBJECTS = [
  ...['command', 'file_path', 'filePath', 'path', 'absolute_path', 'dir_path'],
  ...['pattern', 'query', 'url', 'description', 'prompt'],
];
const MAX_TITLE = 200;

/** The kind of a tool that a CLI knows by this name. */
export function toolKind(name: string): ToolKind {
  const word = name.toLowerCase();
  return KINDS.find(([, words]) => words.test(word))?.[0] ?? 'other';
}

/** A line for people: the tool, and what it is used on. */
export function toolTitle(name: string, input: unknown): string {
  const members = isJsonObject(input) ? input : {};
  const subject = SUBJECTS.map((it) => textAt(members, it)).find((it) => it !== '');
  return titleIn(subject === undefined ? name : `${name} ${subject}`);
}

/** A text as one line of a length that people read. */
export function titleIn(text: string): string {
  // More of it would be cut off again.
  const start = text.slice(0, 10 * MAX_TITLE);
  return shortened(start.replaceAll(/\s+/g, ' '), MAX_TITLE);
}

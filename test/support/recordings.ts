import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const RECORDINGS = resolve(__dirname, '..', 'recordings');

/** The CLIs that were recorded. */
export const RECORDED_CLIS = ['codex', 'claude', 'gemini', 'opencode'] as const;
export type RecordedCli = (typeof RECORDED_CLIS)[number];

/** How the process of a recording has ended, and why its run has. */
export interface RecordedEnd {
  return_code: number | null;
  reason: string;
}

/** Every scenario of a CLI that stands on disk. */
export function scenariosOf(cli: RecordedCli): string[] {
  return readdirSync(join(RECORDINGS, cli))
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => name.slice(0, -'.jsonl'.length));
}

/** What a CLI has written to stdout, line by line. */
export function linesOf(cli: RecordedCli, scenario: string): string[] {
  return textOf(cli, `${scenario}.jsonl`).split('\n').filter(Boolean);
}

/** What it has written to stderr. */
export function wordsOf(cli: RecordedCli, scenario: string): string {
  return textOf(cli, `${scenario}.stderr`);
}

export function endOf(cli: RecordedCli, scenario: string): RecordedEnd {
  return JSON.parse(textOf(cli, `${scenario}.json`)) as RecordedEnd;
}

function textOf(cli: RecordedCli, file: string): string {
  return readFileSync(join(RECORDINGS, cli, file), 'utf8');
}

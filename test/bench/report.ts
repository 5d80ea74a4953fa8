import { median } from '../support/quantiles.js';
import type { BenchCase, Figure, Form, Target } from './bench-case.js';

/** What the rounds gave for one figure. */
export interface Result {
  target: Target;
  floor: number | null;
  product: number;
  /** To the floor; null without one. */
  ratio: { median: number; least: number; most: number } | null;
  rounds: Figure[];
}

/** A case that has no figures, since something in it was wrong. */
export interface Failure {
  names: string[];
  error: string;
}

export const namesOf = ({ targets }: BenchCase): string[] => targets.map(({ name }) => name);

/** Medians of each side; the ratio is the median of those of the rounds, whose halves share their moment. */
export function resultOf(target: Target, rounds: Figure[]): Result {
  const floors = rounds.flatMap(({ floor }) => floor ?? []);
  const product = median(rounds.map((round) => round.product));
  if (floors.length === 0) return { target, floor: null, product, ratio: null, rounds };
  const ratios = rounds.map((round) => round.product / round.floor!);
  const ratio = { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) };
  return { target, floor: median(floors), product, ratio, rounds };
}

export function isMet({ target: { most, mostRatio }, product, ratio }: Result): boolean {
  return product <= (most ?? Infinity) && (ratio?.median ?? 0) <= (mostRatio ?? Infinity);
}

const HEAD = ['case', 'floor', 'product', 'ratio', 'target', 'reference', ''];

/** The cells of a line of the table. */
export function row(result: Result, form: Form): string[] {
  const { target, floor, product, ratio } = result;
  const { name, unit, most, mostRatio, reference } = target;
  const figure = (value: number | null | undefined) =>
    value === null || value === undefined ? '' : `${Number(value.toPrecision(3))} ${unit}`.trim();
  const isHeld = most !== undefined || mostRatio !== undefined;
  return [
    name,
    figure(floor),
    figure(product),
    ratio === null ? '' : ratioText(ratio),
    most !== undefined ? `≤ ${figure(most)}` : mostRatio ? `≤ ${mostRatio} × floor` : '',
    figure(reference),
    form === 'quick' || !isHeld ? '' : isMet(result) ? 'met' : 'MISSED',
  ];
}

/** The range tells how far the rounds lie apart. */
function ratioText({ median, least, most }: NonNullable<Result['ratio']>): string {
  const text = median.toFixed(2);
  return least === most ? text : `${text} (${least.toFixed(2)} to ${most.toFixed(2)})`;
}

export function table(results: Result[], failures: Failure[], form: Form): string {
  const failed = failures.flatMap(({ names }) =>
    names.map((name) => [name, ...HEAD.slice(2).map(() => ''), 'FAILED']),
  );
  const rows = [HEAD, ...results.map((result) => row(result, form)), ...failed];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((it) => it[column]!.length)));
  const [head, ...rest] = rows.map(
    (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`,
  );
  return [head, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rest].join('\n');
}

/**
 * `npm run bench`: the product beside the least that a Node server can do, in turn, in one sitting.
 * `-- --quick` sees only that it runs; `-- --only TEXT` takes the cases with that text in a figure's name;
 * `-- --json FILE` says where the figures go.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { median } from '../support/quantiles.js';
import { ADMISSION } from './admission.js';
import { type BenchCase, type Figure, type Form, type Target, times } from './bench-case.js';
import { READERS } from './readers.js';
import { STARTS } from './starts.js';
import { STREAMS } from './streams.js';

interface Result {
  target: Target;
  floor: number | null;
  product: number;
  /** To the floor; null without one. */
  ratio: number | null;
  rounds: Figure[];
}

const { values: args } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    json: { type: 'string', default: '.cache/bench.json' },
  },
});
const form: Form = args.quick ? 'quick' : 'full';

async function measure({ targets, rounds, open }: BenchCase): Promise<Result[]> {
  const bench = await open(form);
  try {
    const figures = await times(form === 'full' ? rounds : 1, () => bench.round());
    return targets.map((target, index) =>
      resultOf(
        target,
        figures.map((round) => round[index]!),
      ),
    );
  } finally {
    await bench.close();
  }
}

/** Medians of each side; the ratio is the median of those of the rounds, whose halves share their moment. */
function resultOf(target: Target, rounds: Figure[]): Result {
  const floors = rounds.flatMap(({ floor }) => floor ?? []);
  const product = median(rounds.map((round) => round.product));
  if (floors.length === 0) return { target, floor: null, product, ratio: null, rounds };
  const ratio = median(rounds.map((round) => round.product / round.floor!));
  return { target, floor: median(floors), product, ratio, rounds };
}

const isMet = ({ target, product, ratio }: Result) => (ratio ?? product) <= target.most;

function row(result: Result): string[] {
  const { target, floor, product, ratio } = result;
  const { name, unit, most, reference } = target;
  const figure = (value: number | null | undefined) =>
    value === null || value === undefined ? '' : `${Number(value.toPrecision(3))} ${unit}`.trim();
  return [
    name,
    figure(floor),
    figure(product),
    ratio === null ? '' : ratio.toFixed(2),
    ratio === null ? `≤ ${most} ${unit}`.trim() : `≤ ${most} × floor`,
    figure(reference),
    form === 'quick' ? '' : isMet(result) ? 'met' : 'MISSED',
  ];
}

function table(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((it) => it[column]!.length)));
  const [head, ...rest] = rows.map(
    (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`,
  );
  return [head, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rest].join('\n');
}

const results: Result[] = [];
for (const bench of [...STREAMS, ...STARTS, ...READERS, ...ADMISSION]) {
  if (!bench.targets.some(({ name }) => name.includes(args.only))) continue;
  for (const result of await measure(bench)) {
    results.push(result);
    console.error(row(result).filter(Boolean).join('  '));
  }
}
const head = ['case', 'floor', 'product', 'ratio', 'target', 'reference', ''];
console.log(`\n${table([head, ...results.map(row)])}`);
const machine = {
  node: process.version,
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  release: release(),
};
console.log(`\n${form} form, Node ${machine.node}, ${machine.cores} × ${machine.cpu}`);
mkdirSync(dirname(args.json), { recursive: true });
writeFileSync(args.json, `${JSON.stringify({ form, machine, results }, null, 2)}\n`);
if (form === 'full' && !results.every(isMet)) process.exitCode = 1;

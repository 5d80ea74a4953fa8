/**
 * `npm run bench`: the product beside the least that a Node server can do, in turn, in one sitting.
 * `-- --quick` sees only that it runs; `-- --only TEXT` takes the cases with that text in a figure's name;
 * `-- --json FILE` says where the figures go. The exit code is 1 if a case fails or, in the full form, a
 * target is missed, and 2 if it cannot begin.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { ADMISSION } from './admission.js';
import { type BenchCase, type Form, times } from './bench-case.js';
import { CURL } from './curl.js';
import { READERS } from './readers.js';
import { type Failure, isMet, namesOf, type Result, resultOf, row, table } from './report.js';
import { STARTS } from './starts.js';
import { STREAMS } from './streams.js';
import { undoAll } from './undo.js';

const CASES = [...STREAMS, ...CURL, ...STARTS, ...READERS, ...ADMISSION];

function optionsOf(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', default: '' },
        json: { type: 'string' },
      },
    });
    return values;
  } catch (error) {
    return leave(`${(error as Error).message}\nThe options are --quick, --only TEXT, --json FILE.`);
  }
}

function leave(sentence: string): never {
  console.error(sentence);
  process.exit(2);
}

async function measure({ targets, rounds, open }: BenchCase): Promise<Result[]> {
  const bench = await open(form);
  const figures = await times(form === 'full' ? rounds : 1, () => bench.round());
  await bench.close();
  return targets.map((target, index) =>
    resultOf(
      target,
      figures.map((round) => round[index]!),
    ),
  );
}

const { quick, only, json } = optionsOf(process.argv.slice(2));
const form: Form = quick ? 'quick' : 'full';
const chosen = CASES.filter((it) => namesOf(it).some((name) => name.includes(only)));
if (chosen.length === 0) {
  const names = CASES.flatMap(namesOf).map((name) => `  ${name}`);
  leave(`No figure has "${only}" in its name. They are:\n${names.join('\n')}`);
}
if (spawnSync('perl', ['-MTime::HiRes', '-e', '1']).status !== 0) {
  leave('The agent of the benchmark needs Perl with Time::HiRes: install perl.');
}

const results: Result[] = [];
const failures: Failure[] = [];
for (const bench of chosen) {
  try {
    for (const result of await measure(bench)) {
      results.push(result);
      console.error(row(result, form).filter(Boolean).join('  '));
    }
  } catch (error) {
    failures.push({ names: namesOf(bench), error: String(error) });
    console.error(`${namesOf(bench).join(', ')}: FAILED`, error);
    undoAll();
  }
}

console.log(`\n${table(results, failures, form)}`);
const machine = {
  node: process.version,
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  release: release(),
};
console.log(`\n${form} form, Node ${machine.node}, ${machine.cores} × ${machine.cpu}`);
// The figures of a full sitting stay until the next one.
const name = ['bench', ...(quick ? ['quick'] : []), ...(only === '' ? [] : ['only'])].join('-');
const file = json ?? `.cache/${name}.json`;
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify({ form, only, machine, results, failures }, null, 2)}\n`);
if (failures.length > 0 || (form === 'full' && !results.every(isMet))) process.exitCode = 1;

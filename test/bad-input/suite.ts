import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/processes.js';
import type { Runner } from '../support/runner.js';
import type { BadCase } from './bad-case.js';
import { type Answer, bytesOf, send } from './wire.js';

/** The content of files outside the roots that nobody may ever get to see, or change. */
export const CANARY = 'canary-2f6c1d9a';

/** Cases by the name of their group. */
export type Groups = [group: string, cases: BadCase[]][];

/** The server that the cases are sent to, and how a case is made ready for it. */
export interface Subject {
  runner: () => Runner;
  /** Puts in what only the running server knows. */
  prepare: (bad: BadCase) => BadCase;
}

/** Says how many cases there are, and that each can be told from the others. */
export function itHasCases(groups: Groups, least: number): void {
  it(`has at least ${least} cases, each with a name of its own`, () => {
    const names = groups.flatMap(([group, cases]) => cases.map(({ name }) => `${group}: ${name}`));
    expect(names.length).toBeGreaterThanOrEqual(least);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    process.stdout.write(`  bad input: ${names.length} cases\n`);
  });
}

/** Sends each case, byte for byte, and holds the answer to what it has to be. */
export function itAnswers(groups: Groups, { runner, prepare }: Subject): void {
  describe.each(groups)('%s', (_group, cases) => {
    it.each(cases.map((bad): [string, BadCase] => [bad.name, bad]))('%s', async (_name, bad) => {
      const sent = prepare(bad);
      const answer = await send(runner().url, bytesOf(sent));
      expectAnswer(answer, bad, sent.method === 'HEAD', runner().home);
    });
  });
}

function expectAnswer(answer: Answer, bad: BadCase, isHead: boolean, home: string): void {
  const { status, headers, body } = answer;
  const problem = isProblem(headers) && !isHead ? problemIn(body) : {};
  // The answer to a HEAD has no body that could say why.
  const code = isHead ? bad.code : (problem.code ?? null);
  expect({ status, code }).toEqual({ status: bad.status, code: bad.code });
  expect(body).not.toContain(CANARY);
  expect(JSON.stringify([...headers])).not.toContain(CANARY);
  if (isHead) expect(body).toBe('');
  if (bad.code === null) return;
  expect(body).not.toContain(home);
  expect(body).not.toMatch(/\bat .+\(.+:\d+:\d+\)/);
  expect(headers.get('content-type')).toContain('application/problem+json');
  if (status === 405) expect(headers.get('allow')).toMatch(/[A-Z]+/);
  if (isHead) return;
  expect(problem).toMatchObject({ status: bad.status, detail: expect.any(String) });
  if (bad.fields !== undefined) {
    const named = (problem.errors as { field: string }[]).map(({ field }) => field);
    expect(named).toEqual(expect.arrayContaining([...bad.fields]));
  }
}

function isProblem(headers: Answer['headers']): boolean {
  return (headers.get('content-type') ?? '').includes('problem+json');
}

function problemIn(body: string): Record<string, unknown> {
  return JSON.parse(body) as Record<string, unknown>;
}

/** What a server is like before the cases, to see that it is so behind them. */
export class Footprint {
  private readonly descriptors: number;
  private readonly outside: string[];

  constructor(private readonly runner: Runner) {
    writeFileSync(join(runner.home, 'canary'), CANARY);
    writeFileSync(join(runner.workspaces, 'canary'), CANARY);
    this.descriptors = this.descriptorCount();
    this.outside = this.places();
  }

  /** No descriptor, no memory, no fault in the log, nothing outside its folders; and it serves. */
  async expectUnchanged(): Promise<void> {
    const { runner } = this;
    await eventually(
      () => this.descriptorCount(),
      (count) => count <= this.descriptors + 2,
    );
    expect(this.places()).toEqual(this.outside);
    for (const place of [runner.home, runner.workspaces]) {
      expect(readFileSync(join(place, 'canary'), 'utf8')).toBe(CANARY);
    }
    expect(this.memoryMiB()).toBeLessThan(400);
    expect(runner.logLines.filter(({ level }) => Number(level) >= 50 || isFault(level))).toEqual(
      [],
    );
    expect(await (await fetch(`${runner.url}/health/ready`)).json()).toMatchObject({
      status: 'ok',
    });
  }

  private descriptorCount(): number {
    return readdirSync(`/proc/${this.runner.pid}/fd`).length;
  }

  private memoryMiB(): number {
    const status = readFileSync(`/proc/${this.runner.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
  }

  /** What stands beside the server's own folders, which no request may change. */
  private places(): string[] {
    const storage = join(this.runner.home, 'fermilink', 'scientific_packages', 'packages');
    return [
      this.runner.home,
      join(this.runner.home, 'fermilink'),
      this.runner.workspaces,
      ...(existsSync(storage) ? [storage] : []),
    ].flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  }
}

function isFault(level: unknown): boolean {
  return level === 'error' || level === 'fatal';
}

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BadCase } from '../bad-input/bad-case.js';
import { http } from '../bad-input/http.cases.js';
import { runBodies } from '../bad-input/run-bodies.cases.js';
import { runQueries } from '../bad-input/run-queries.cases.js';
import { type Answer, bytesOf, send } from '../bad-input/wire.js';
import { eventually } from '../support/processes.js';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

const GROUPS: [string, BadCase[]][] = Object.entries({ ...runBodies, ...runQueries, ...http });

/** A file beside the roots that nobody may ever get to see. */
const CANARY = 'canary-2f6c1d9a';

describe('bad input', () => {
  let runner: Runner;
  let runId: string;
  let descriptors: number;
  let outside: string[];

  const descriptorCount = () => readdirSync(`/proc/${runner.pid}/fd`).length;
  const memoryMiB = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${runner.pid}/status`, 'utf8'))![1]) / 1024;
  /** What stands beside the server's own folders, which no request may change. */
  const places = () => [
    ...readdirSync(runner.home),
    ...readdirSync(join(runner.home, 'fermilink')),
    ...readdirSync(runner.workspaces),
  ];

  beforeAll(async () => {
    runner = await Runner.start();
    writeFileSync(join(runner.home, 'canary'), CANARY);
    writeFileSync(join(runner.workspaces, 'canary'), CANARY);
    const first = await StreamClient.open(runner, { user_prompt: 'echo up', session_id: 'known' });
    await first.all();
    runId = String(first.response.headers.location).slice('/runs/'.length);
    descriptors = descriptorCount();
    outside = places();
  });
  afterAll(() => runner.stop());

  const answerTo = async (bad: BadCase): Promise<Answer> => {
    const path = bad.path?.replace('RUN', runId);
    return send(runner.url, bytesOf({ ...bad, path }));
  };

  it('has at least 300 cases, each with a name of its own', () => {
    const names = GROUPS.flatMap(([group, cases]) => cases.map(({ name }) => `${group}: ${name}`));
    expect(names.length).toBeGreaterThanOrEqual(300);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    process.stdout.write(`  bad input: ${names.length} cases\n`);
  });

  describe.each(GROUPS)('%s', (_group, cases) => {
    it.each(cases.map((bad): [string, BadCase] => [bad.name, bad]))('%s', async (_name, bad) => {
      const { status, headers, body } = await answerTo(bad);
      const problem = isJson(headers) ? (JSON.parse(body) as Record<string, unknown>) : {};
      expect({ status, code: problem.code ?? null }).toEqual({
        status: bad.status,
        code: bad.code,
      });
      expect(body).not.toContain(CANARY);
      expect(body).not.toContain(runner.home);
      expect(body).not.toMatch(/\bat .+\(.+:\d+:\d+\)/);
      if (bad.code === null) return;
      expect(headers.get('content-type')).toContain('application/problem+json');
      expect(problem).toMatchObject({ status: bad.status, detail: expect.any(String) });
      if (bad.fields !== undefined) {
        const named = (problem.errors as { field: string }[]).map(({ field }) => field);
        expect(named).toEqual(expect.arrayContaining([...bad.fields]));
      }
      if (bad.status === 405) expect(headers.get('allow')).toMatch(/[A-Z]+/);
    });
  });

  it('leaves the server as it was: no run, no descriptor, no memory, nothing outside its folders', async () => {
    await eventually(descriptorCount, (count) => count <= descriptors + 2);
    expect(places()).toEqual(outside);
    expect(memoryMiB()).toBeLessThan(400);
    const { runs } = (await runner.getJson('/runs?limit=200')) as { runs: { run_id: string }[] };
    expect(runs.map(({ run_id }) => run_id)).toEqual([runId]);
    expect(runner.logLines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual(
      [],
    );
    expect(existsSync(join(runner.home, 'canary'))).toBe(true);
    expect(await (await fetch(`${runner.url}/health/ready`)).json()).toMatchObject({
      status: 'ok',
    });
  });
});

describe('slow clients', () => {
  let runner: Runner;
  beforeAll(
    async () => (runner = await Runner.start({ FERMILINK_RUNNER_FOLLOWER_TIMEOUT_SECONDS: '1' })),
  );
  afterAll(() => runner.stop());

  const head = 'POST /runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';

  it.each([
    ['a body that stops', `${head}Content-Length: 100\r\n\r\n{"user_prompt"`],
    ['a body that never begins', `${head}Content-Length: 100\r\n\r\n`],
    ['a chunk that stops', `${head}Transfer-Encoding: chunked\r\n\r\nff\r\n{`],
    ['chunks without an end', `${head}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`],
  ])('%s are told that their time is up', async (_name, bytes) => {
    const answer = await send(runner.url, Buffer.from(bytes));
    expect(answer.status).toBe(408);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'request_timeout' });
  });

  it.each([
    ['nothing at all', ''],
    ['a request line that stops', 'GET /ru'],
    ['headers that stop', `${head}X-A: `],
  ])('%s are cut off', async (_name, bytes) => {
    await expect(send(runner.url, Buffer.from(bytes))).rejects.toThrow('no answer but ""');
  });
});

function isJson(headers: Answer['headers']): boolean {
  return (headers.get('content-type') ?? '').includes('json');
}

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BadCase } from '../bad-input/bad-case.js';
import { http } from '../bad-input/http.cases.js';
import { local } from '../bad-input/local.cases.js';
import { runBodies } from '../bad-input/run-bodies.cases.js';
import { runQueries } from '../bad-input/run-queries.cases.js';
import { Footprint, type Groups, itAnswers, itHasCases } from '../bad-input/suite.js';
import { send } from '../bad-input/wire.js';
import { eventually } from '../support/processes.js';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

const GROUPS: Groups = Object.entries({ ...runBodies, ...runQueries, ...http, ...local });

describe('bad input', () => {
  let runner: Runner;
  let runId: string;
  let footprint: Footprint;

  beforeAll(async () => {
    runner = await Runner.start();
    const first = await StreamClient.open(runner, { user_prompt: 'echo up', session_id: 'known' });
    await first.all();
    runId = String(first.response.headers.location).slice('/runs/'.length);
    footprint = new Footprint(runner);
  });
  afterAll(() => runner.stop());

  itHasCases(GROUPS, 450);
  itAnswers(GROUPS, {
    runner: () => runner,
    prepare: (bad: BadCase) => ({ ...bad, path: bad.path?.replace('RUN', runId) }),
  });

  it('leaves the server as it was, with no other run', async () => {
    await footprint.expectUnchanged();
    const { runs } = (await runner.getJson('/runs?limit=200')) as { runs: { run_id: string }[] };
    expect(runs.map(({ run_id }) => run_id)).toEqual([runId]);
  });
});

describe('slow clients', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_FOLLOWER_TIMEOUT_SECONDS: '1' });
    const first = await StreamClient.open(runner, { user_prompt: 'true', session_id: 'known' });
    await first.all();
  });
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

  const put = 'PUT /sessions/known/files/slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n';

  it.each([
    ['a body that stops', `${put}Content-Length: 100\r\n\r\nhalf`],
    ['a body that never begins', `${put}Content-Length: 100\r\n\r\n`],
    ['a chunk that stops', `${put}Transfer-Encoding: chunked\r\n\r\nff\r\nhalf`],
    ['chunks without an end', `${put}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`],
    ['a body that waits to be asked', `${put}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n`],
  ])('a file: %s is given up, and nothing of it stays', async (_name, bytes) => {
    const answer = await send(runner.url, Buffer.from(bytes));
    expect(answer.status).toBe(408);
    // Whether the server or the route loses its patience first, its time is the same.
    const { code } = JSON.parse(answer.body) as { code: string };
    expect(code).toBe('request_timeout');
    expect(existsSync(join(runner.repo('known'), 'slow'))).toBe(false);
    const staged = () => readdirSync(join(runner.workspaces, '.uploads'));
    await eventually(staged, (names) => names.length === 0);
  });

  it.each([
    ['nothing at all', ''],
    ['a request line that stops', 'GET /ru'],
    ['headers that stop', `${head}X-A: `],
  ])('%s are cut off', async (_name, bytes) => {
    await expect(send(runner.url, Buffer.from(bytes))).rejects.toThrow('no answer but ""');
  });
});

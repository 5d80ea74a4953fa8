import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { BadCase } from '../bad-input/bad-case.js';
import { documents } from '../bad-input/document.cases.js';
import { files } from '../bad-input/file.cases.js';
import { identity } from '../bad-input/identity.cases.js';
import { packages } from '../bad-input/package.cases.js';
import { plant, planted, TRAPS } from '../bad-input/planted.js';
import { policy } from '../bad-input/policy.cases.js';
import { sessions } from '../bad-input/session.cases.js';
import { CANARY, Footprint, type Groups, itAnswers, itHasCases } from '../bad-input/suite.js';
import { UPLOAD_LIMIT, uploads } from '../bad-input/upload.cases.js';
import { send } from '../support/files.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { ALL_SCOPES, TokensFile } from '../support/tokens.js';
import { treeOf } from '../support/trees.js';

const GROUPS: Groups = Object.entries({
  ...sessions,
  ...files,
  ...planted,
  ...uploads,
  ...packages,
  ...policy,
  ...identity,
  ...documents,
});

describe('bad input for sessions, packages and the policy', () => {
  const home = temporaryFolder();
  const tokens = new TokensFile([
    { name: 'all' },
    { name: 'ann', user: 'ann' },
    { name: 'expired', expires_at: '2020-01-01T00:00:00Z' },
    { name: 'nothing', scopes: [] },
    ...ALL_SCOPES.map((scope) => ({ name: scope.replace(':', '-'), scopes: [scope] })),
  ]);
  let runner: Runner;
  let footprint: Footprint;
  let known: Record<string, string>;
  let before: unknown;

  const ask = async (method: string, path: string, body?: object | string) => {
    const headers = { ...tokens.as('all'), 'content-type': 'application/json' };
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    return send(runner, method, path, { headers, body: text });
  };
  const asked = async (path: string) =>
    JSON.parse((await ask('GET', path)).body.toString()) as Record<string, unknown>;
  /** What the cases may not change. */
  const state = async () => ({
    runs: await asked('/runs?limit=200'),
    packages: await asked('/packages'),
    policy: await asked('/policy'),
    log: await asked('/sessions/known/git/log'),
    known: treeOf(join(runner.workspaces, 'known')),
    outside: treeOf(join(home, 'outside')),
  });
  const act = async (sessionId: string, script: string, more: object = {}) => {
    const body = { user_prompt: script, session_id: sessionId, ...more };
    const run = JSON.parse((await ask('POST', '/runs', body)).body.toString()) as Run;
    await ask('GET', `/runs/${run.run_id}/events`);
    return run.run_id;
  };

  beforeAll(async () => {
    for (const name of ['good', 'base']) {
      mkdirSync(join(home, 'allowed', name), { recursive: true });
      writeFileSync(join(home, 'allowed', name, 'solver.py'), '');
    }
    mkdirSync(join(home, 'allowedness'));
    writeFileSync(join(home, 'allowed', 'a-file'), '');
    symlinkSync(join(home, 'outside'), join(home, 'allowed', 'out'));
    symlinkSync('/', join(home, 'allowed', 'root'));
    symlinkSync(join(home, 'fermilink', 'workspaces'), join(home, 'allowed', 'workspaces'));
    runner = await Runner.start(
      {
        FERMILINK_RUNNER_TOKENS_FILE: tokens.path,
        FERMILINK_RUNNER_COMMIT_RUNS: '1',
        FERMILINK_RUNNER_MAX_UPLOAD_BYTES: String(UPLOAD_LIMIT),
        FERMILINK_RUNNER_MAX_PACKAGE_BYTES: String(UPLOAD_LIMIT),
        FERMILINK_RUNNER_MAX_PACKAGE_UNPACKED_BYTES: String(4 * UPLOAD_LIMIT),
        FERMILINK_RUNNER_MAX_PACKAGE_ENTRIES: '500',
        FERMILINK_PACKAGE_PATHS: join(home, 'allowed'),
      },
      home,
    );
    const script = 'mkdir -p d/e; printf 0123456789 > f; printf x > d/f';
    const run = await act('known', script, { user_id: 'owner' });
    await act(TRAPS, 'true');
    plant(runner.repo(TRAPS), home);
    await ask('POST', '/packages', { id: 'base', path: join(home, 'allowed', 'base') });
    // What each change leaves behind for the next is there before it is counted.
    const empty = { provider: null, sandbox_policy: null, sandbox_mode: null };
    await ask('PUT', '/policy', { ...empty, model: null, reasoning_effort: null });
    await ask('PUT', `/sessions/${TRAPS}/files/first`, 'x');
    await ask('PUT', '/packages/none/archive', 'x');
    const log = await asked('/sessions/known/git/log');
    const commit = (log.commits as { commit: string }[])[0]!.commit;
    const token = tokens.tokenOf('all');
    known = {
      RUN: run,
      COMMIT: commit,
      SHORT: commit.slice(0, 12),
      UPPER: commit.toUpperCase(),
      TREE: '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
      ETAG: String((await ask('HEAD', '/sessions/known/files/f')).headers.etag),
      HOME: home,
      MARKER: join(home, 'marker'),
      TOKEN: token,
      HASH: createHash('sha256').update(token).digest('hex'),
      EXPIRED: tokens.tokenOf('expired'),
    };
    before = await state();
    footprint = new Footprint(runner);
  });
  afterAll(() => runner.stop());

  const filled = (text: string) =>
    text.replace(/[A-Z]{3,}/g, (word) => (Object.hasOwn(known, word) ? known[word]! : word));
  const prepare = (bad: BadCase): BadCase => {
    const { as = 'all', headers = [], path, body } = bad;
    const shown =
      as === null
        ? []
        : [['Authorization', tokens.as(as.replace(':', '-')).authorization!] as const];
    return {
      ...bad,
      path: path && filled(path),
      headers: [
        ...headers.map(([name, value]): [string, string | Buffer] => [
          name,
          isAscii(value) ? filled(value.toString()) : value,
        ]),
        ...shown,
      ],
      body: typeof body === 'string' && body.length < 10_000 ? filled(body) : body,
    };
  };

  itHasCases(GROUPS, 1000);
  itAnswers(GROUPS, { runner: () => runner, prepare });

  it('archives links as links, and nothing that is behind them', async () => {
    const archive = await ask('GET', `/sessions/${TRAPS}/archive?include=git`);
    const content = gunzipSync(archive.body);
    expect(content.includes('to-file')).toBe(true);
    expect(content.includes(CANARY)).toBe(false);
    const difference = await ask('GET', `/sessions/${TRAPS}/git/diff`);
    expect(difference.status).toBe(200);
    expect(difference.body.includes(CANARY)).toBe(false);
  });

  it('leaves everything as it was', async () => {
    await footprint.expectUnchanged();
    expect(await state()).toEqual(before);
    expect(readFileSync(join(home, 'outside', 'secret'), 'utf8')).toBe(CANARY);
  });
});

interface Run {
  run_id: string;
}

function isAscii(value: string | Buffer): boolean {
  return [...Buffer.from(value)].every((byte) => byte < 0x80);
}

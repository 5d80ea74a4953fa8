import {
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/processes.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { ask, Gate, postRun, startRun, untilEnded, untilState } from '../support/runs.js';

const MIB = 1024 * 1024;
const DAY_MS = 86_400_000;

const write = (mib: number) => `head -c ${mib * MIB} /dev/urandom > big`;
const usage = (runner: Runner, id: string) => join(runner.runtime, 'usage', `${id}.json`);
const untilMeasured = (runner: Runner, id: string, mib: number) =>
  eventually(
    () => {
      const path = usage(runner, id);
      return existsSync(path)
        ? (JSON.parse(readFileSync(path, 'utf8')).bytes as number | null)
        : null;
    },
    (bytes) => bytes !== null && Math.floor(bytes / MIB) === mib,
  );

describe('quotas', () => {
  let runner: Runner;
  afterEach(() => runner.stop());

  it('of a session refuses its next run until there is room again', async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_SESSION_QUOTA_BYTES: String(4 * MIB) });
    const session = { session_id: 's', user_id: 'ann' };
    await untilEnded(runner, await startRun(runner, { ...session, user_prompt: write(6) }));
    await untilMeasured(runner, 's', 6);
    const refused = await postRun(runner, { ...session, user_prompt: 'true' });
    expect(refused).toMatchObject({ status: 403, body: { code: 'quota_exceeded' } });
    expect(refused.body.detail).toMatch(/take 6\d{6} bytes of the 4194304/);
    const { body } = await ask(runner, 'GET', '/runs?session_id=s');
    expect(body.runs).toHaveLength(1);
    // Another session has room, also of the same user.
    await startRun(runner, { user_prompt: 'true', session_id: 'other', user_id: 'ann' });
    const removed = await ask(runner, 'DELETE', '/sessions/s/files/big');
    expect(removed.status).toBe(204);
    await untilMeasured(runner, 's', 0);
    await startRun(runner, { ...session, user_prompt: 'true' });
  });

  it('of a user counts all sessions, also after a crash', async () => {
    const env = { FERMILINK_RUNNER_USER_QUOTA_BYTES: String(5 * MIB) };
    runner = await Runner.start(env);
    for (const id of ['a', 'b']) {
      const body = { user_prompt: write(3), session_id: id, user_id: 'Ann' };
      await untilEnded(runner, await startRun(runner, body));
      await untilMeasured(runner, id, 3);
    }
    const ofAnn = { user_prompt: 'true', user_id: ' ann ' };
    expect(await postRun(runner, ofAnn)).toMatchObject({ body: { code: 'quota_exceeded' } });
    expect((await postRun(runner, { ...ofAnn, user_id: 'bob' })).status).toBe(202);
    await runner.kill();
    runner = await runner.startNext();
    await eventually(
      () => postRun(runner, ofAnn),
      ({ body }) => body.code === 'quota_exceeded',
    );
    expect((await ask(runner, 'DELETE', '/sessions/a')).status).toBe(204);
    await startRun(runner, ofAnn);
    expect(existsSync(usage(runner, 'a'))).toBe(false);
  });

  it('hold up neither the end of a run nor the next one', async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_SESSION_QUOTA_BYTES: String(100 * MIB) });
    const many = 'mkdir d; cd d; seq 1 20000 | xargs touch';
    await untilEnded(runner, await startRun(runner, { user_prompt: many, session_id: 's' }), 60);
    const began = performance.now();
    await untilEnded(runner, await startRun(runner, { user_prompt: 'true', session_id: 's' }));
    expect(performance.now() - began).toBeLessThan(5000);
    await untilMeasured(runner, 's', 0);
  });
});

/** Lets a session be there that nobody has used for so many days. */
function oldSession(home: string, id: string, days: number): void {
  const workspace = join(home, 'fermilink', 'workspaces', id);
  mkdirSync(join(workspace, 'repo'), { recursive: true });
  writeFileSync(join(workspace, 'repo', 'f'), 'x');
  for (const place of [join(workspace, 'repo'), workspace]) age(place, days);
}

function age(place: string, days: number): void {
  const then = new Date(Date.now() - days * DAY_MS);
  utimesSync(place, then, then);
}

/** Lets the last use of a session, which the server remembers, be so many days ago. */
function ageUse(runner: Runner, id: string, days: number): void {
  const record = JSON.parse(readFileSync(usage(runner, id), 'utf8'));
  record.active_at = new Date(Date.now() - days * DAY_MS).toISOString();
  writeFileSync(usage(runner, id), JSON.stringify(record));
}

const isThere = (runner: Runner, id: string) => existsSync(join(runner.workspaces, id));
const idle = async (runner: Runner, query = '') =>
  (await ask(runner, 'GET', `/ops/sessions/idle${query}`)).body;
const idsOf = (body: { sessions: { session_id: string }[] }) =>
  body.sessions.map((it) => it.session_id);

describe('the clean-up of sessions', () => {
  let runner: Runner;
  afterEach(() => runner.stop());

  it('lists what would go, and removes nothing unless it is told to', async () => {
    const home = temporaryFolder();
    for (const [id, days] of Object.entries({ a: 5, b: 50, c: 500 })) oldSession(home, id, days);
    runner = await Runner.start({}, home);
    expect(await idle(runner)).toMatchObject({ remove_after_days: null, total: 0, sessions: [] });
    const listed = await idle(runner, '?days=30');
    expect(listed).toMatchObject({ remove_after_days: 30, dry_run: false, total: 2 });
    expect(idsOf(listed)).toEqual(['c', 'b']);
    expect(listed.sessions[1]).toMatchObject({ owner: null, bytes: null, reason: 'folder_time' });
    expect(Math.round(listed.sessions[1].age_seconds / 86_400)).toBe(50);
    expect(idsOf(await idle(runner, '?days=30&limit=1'))).toEqual(['c']);
    for (const query of ['?days=0', '?days=x', '?days=-1', '?limit=0', '?days=1&days=2']) {
      expect(await idle(runner, query)).toMatchObject({ code: 'invalid_request' });
    }
    await runner.terminate();
    runner = await runner.startNext({
      FERMILINK_RUNNER_REMOVE_SESSIONS_DAYS: '30',
      FERMILINK_RUNNER_REMOVE_SESSIONS_DRY_RUN: '1',
    });
    const would = () =>
      runner.logLines.filter(({ msg }) => msg === 'an idle session would be removed');
    await eventually(would, (it) => it.length === 2);
    expect(would().map(({ session }) => session)).toEqual(['c', 'b']);
    expect(['a', 'b', 'c'].map((id) => isThere(runner, id))).toEqual([true, true, true]);
  });

  it('removes what is old, with all that belongs to it, and nothing else', async () => {
    const home = temporaryFolder();
    const workspaces = join(home, 'fermilink', 'workspaces');
    for (const id of ['old', 'kept', 'live', 'gone', 'used', 'young']) oldSession(home, id, 40);
    age(join(workspaces, 'young', 'repo'), 1);
    runner = await Runner.start({ FERMILINK_RUNNER_RETAIN_RUNS_HOURS: '1000000' }, home);
    const run = async (id: string, prompt = 'true') =>
      untilEnded(
        runner,
        await startRun(runner, { user_prompt: prompt, session_id: id, user_id: 'ann' }),
      );
    await run('kept');
    const { run_id: goneRun } = await run('gone');
    const { run_id: usedRun } = await run('used');
    const gate = new Gate(runner, 'live');
    const live = await startRun(runner, {
      user_prompt: `true; ${gate.wait}`,
      session_id: 'live',
    });
    await untilState(runner, live, 'running');
    const waiting = await startRun(runner, { user_prompt: 'true', session_id: 'live' });
    await runner.kill();
    // The runs of these are kept no more.
    for (const id of [goneRun, usedRun]) {
      const path = join(runner.runtime, 'ended', `${id}.json`);
      const record = JSON.parse(readFileSync(path, 'utf8'));
      record.sessionId = 'somebody-elses';
      writeFileSync(path, JSON.stringify(record));
    }
    for (const id of ['kept', 'gone']) ageUse(runner, id, 40);
    for (const id of ['kept', 'gone', 'used', 'live']) age(join(workspaces, id), 40);
    // What is no session.
    mkdirSync(join(home, 'outside', 'repo'), { recursive: true });
    age(join(home, 'outside'), 40);
    symlinkSync(join(home, 'outside'), join(workspaces, 'link'));
    for (const id of ['.hidden', 'with space', '-dash']) oldSession(home, id, 40);
    writeFileSync(join(workspaces, 'file'), '');
    age(join(workspaces, 'file'), 40);

    expect(existsSync(join(runner.runtime, 'homes', 'gone'))).toBe(true);
    expect(existsSync(join(runner.runtime, 'owners', 'gone.json'))).toBe(true);
    runner = await runner.startNext({ FERMILINK_RUNNER_REMOVE_SESSIONS_DAYS: '30' });
    const removed = () =>
      runner.logLines.filter(({ msg }) => msg === 'an idle session was removed');
    await eventually(removed, (it) => it.length >= 2);
    await untilEnded(runner, waiting);
    expect(
      removed()
        .map(({ session }) => session)
        .sort(),
    ).toEqual(['gone', 'old']);
    expect(['old', 'gone'].map((id) => isThere(runner, id))).toEqual([false, false]);
    for (const place of ['homes/gone', 'talks/gone.json', 'owners/gone.json', 'usage/gone.json']) {
      expect([place, existsSync(join(runner.runtime, place))]).toEqual([place, false]);
    }
    const left = [
      'kept',
      'live',
      'used',
      'young',
      'link',
      '.hidden',
      'with space',
      '-dash',
      'file',
    ];
    expect(left.filter((id) => !isThere(runner, id))).toEqual([]);
    expect(existsSync(join(home, 'outside', 'repo'))).toBe(true);
    expect((await idle(runner)).total).toBe(0);
    // Its id is free again.
    await run('gone');
  });

  it('is told how much it would free where that is known', async () => {
    runner = await Runner.start({
      FERMILINK_RUNNER_SESSION_QUOTA_BYTES: String(100 * MIB),
      FERMILINK_RUNNER_RETAIN_RUNS_HOURS: '0',
    });
    const body = { user_prompt: write(3), session_id: 's', user_id: 'ann' };
    const { run_id: id } = await untilEnded(runner, await startRun(runner, body));
    await untilMeasured(runner, 's', 3);
    await eventually(
      async () => (await ask(runner, 'GET', `/runs/${id}`)).status,
      (it) => it === 404,
      60,
    );
    ageUse(runner, 's', 9);
    const listed = await idle(runner, '?days=8');
    expect(listed.sessions).toEqual([
      {
        session_id: 's',
        owner: 'user:ann',
        idle_since: expect.any(String),
        age_seconds: expect.any(Number),
        bytes: expect.any(Number),
        reason: 'last_activity',
      },
    ]);
    expect(Math.floor(listed.total_bytes / MIB)).toBe(3);
  });
});

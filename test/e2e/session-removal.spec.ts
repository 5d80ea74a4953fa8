import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { act, send } from '../support/files.js';
import { eventually } from '../support/processes.js';
import { cancelRun, Gate, startRun, untilEnded, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';

describe('a session', () => {
  let runner: Runner;
  beforeEach(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_COMMIT_RUNS: '1' });
  });
  afterEach(() => runner.stop());

  const traces = () => ({
    workspace: existsSync(join(runner.workspaces, 's')),
    home: existsSync(join(runner.runtime, 'homes', 's')),
    git: existsSync(join(runner.runtime, 'git', 's')),
    snapshot: existsSync(join(runner.runtime, 'snapshots', 's')),
    owner: existsSync(join(runner.runtime, 'owners', 's.json')),
    removing: readdirSync(join(runner.workspaces, '.removing')),
  });
  const nothing = {
    ...{ workspace: false, home: false, git: false, snapshot: false, owner: false },
    removing: [],
  };

  it('is known by its owner, and goes with all that is kept for it', async () => {
    const id = await startRun(
      runner,
      { session_id: 's', user_prompt: 'echo > mine' },
      { 'x-fermilink-user': ' Ada' },
    );
    await untilEnded(runner, id);
    const as = (user: string) => ({ headers: { 'x-fermilink-user': user } });
    const answer = await send(runner, 'GET', '/sessions/s', as('ada'));
    expect(JSON.parse(answer.body.toString())).toEqual({
      session_id: 's',
      user_id: 'ada',
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
      is_busy: false,
    });
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/files'],
      ['GET', '/archive'],
      ['GET', '/git/log'],
      ['GET', '/git/diff'],
      ['GET', '/files/mine'],
      ['PUT', '/files/mine'],
      ['DELETE', '/files/mine'],
    ] as const) {
      const refused = await send(runner, method, `/sessions/s${path}`, as('eve'));
      expect([path, refused.status, refused.code]).toEqual([path, 404, 'session_not_found']);
    }
    expect((await send(runner, 'DELETE', '/sessions/s', as('ada'))).status).toBe(204);
    expect(traces()).toEqual(nothing);
    expect((await send(runner, 'GET', '/sessions/s')).code).toBe('session_not_found');
    expect((await send(runner, 'DELETE', '/sessions/s')).code).toBe('session_not_found');
    await act(runner, 's', '[ ! -e mine ] && echo > fresh');
    expect((await send(runner, 'GET', '/sessions/s/files/fresh')).status).toBe(200);
  });

  it('is a folder: what else stands among the sessions stays, unless an agent has put it in the place of one', async () => {
    const place = join(runner.workspaces, 'theirs');
    writeFileSync(place, 'theirs');
    symlinkSync('/etc', join(runner.workspaces, 'link'));
    for (const path of ['theirs', 'link', 'theirs/files', 'link/files/passwd']) {
      for (const method of path.includes('/') ? ['GET'] : ['GET', 'DELETE']) {
        const { code } = await send(runner, method, `/sessions/${path}`);
        expect([method, path, code]).toEqual([method, path, 'session_not_found']);
      }
    }
    expect(readFileSync(place, 'utf8')).toBe('theirs');
    expect(readlinkSync(join(runner.workspaces, 'link'))).toBe('/etc');
    const asAda = { 'x-fermilink-user': 'ada' };
    const hostile = 'rm -r ../../s; echo > ../../s';
    const id = await startRun(runner, { session_id: 's', user_prompt: hostile }, asAda);
    await untilEnded(runner, id);
    const removed = await send(runner, 'DELETE', '/sessions/s', { headers: asAda });
    expect([removed.status, existsSync(join(runner.workspaces, 's'))]).toEqual([204, false]);
  });

  it('stays while a run of it lives or waits', async () => {
    const gate = new Gate(runner, 'busy');
    const run = (user_prompt: string) => startRun(runner, { session_id: 's', user_prompt });
    const first = await run(gate.wait);
    await untilState(runner, first, 'running');
    const second = await run('true');
    expect((await send(runner, 'DELETE', '/sessions/s')).code).toBe('session_busy');
    const { body } = await send(runner, 'GET', '/sessions/s');
    expect(JSON.parse(body.toString())).toMatchObject({ is_busy: true });
    gate.open();
    await untilEnded(runner, second);
    expect((await send(runner, 'DELETE', '/sessions/s')).status).toBe(204);
  });

  it('begins anew for a run that comes while it is removed', async () => {
    for (let round = 0; round < 5; round += 1) {
      await act(
        runner,
        's',
        'echo > old; i=0; while [ $i -lt 300 ]; do mkdir -p n/$i/m; i=$((i+1)); done',
      );
      const [removed, id] = await Promise.all([
        send(runner, 'DELETE', '/sessions/s'),
        startRun(runner, { session_id: 's', user_prompt: 'ls > seen' }),
      ]);
      expect((await untilEnded(runner, id)).state).toBe('completed');
      const seen = await send(runner, 'GET', '/sessions/s/files/seen');
      const isOld = seen.body.toString().split('\n').includes('old');
      expect([removed.status, isOld]).toEqual(removed.status === 204 ? [204, false] : [409, true]);
    }
  });

  it('is removed to the end by the next server', async () => {
    await act(runner, 's', 'echo > mine');
    await runner.kill();
    const removing = join(runner.workspaces, '.removing');
    mkdirSync(removing, { recursive: true });
    renameSync(join(runner.workspaces, 's'), join(removing, 's'));
    mkdirSync(join(removing, '.rest-x'));
    writeFileSync(join(removing, '.rest-x', 'f'), '');
    mkdirSync(join(runner.workspaces, '.uploads', 'of before'), { recursive: true });
    runner = await runner.startNext();
    // It takes runs before all of it is gone.
    const isGone = (left: ReturnType<typeof traces>) => left.removing.length === 0;
    expect(await eventually(traces, isGone)).toEqual(nothing);
    expect(existsSync(join(runner.workspaces, '.uploads'))).toBe(false);
  });

  it('is there from its first run on, be it that this waits, and can be removed when it never began', async () => {
    const gate = new Gate(runner, 'first');
    const as = (user: string) => ({ headers: { 'x-fermilink-user': user } });
    const get = () => send(runner, 'GET', '/sessions/s', as('ada'));
    const start = (session_id: string, user_prompt: string, user: string) =>
      startRun(runner, { session_id, user_prompt }, as(user).headers);
    await runner.terminate();
    runner = await runner.startNext({ FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1' });
    const held = await start('other', gate.wait, 'bob');
    await untilState(runner, held, 'running');
    const waits = await start('s', 'true', 'ada');
    expect(JSON.parse((await get()).body.toString())).toEqual({
      session_id: 's',
      user_id: 'ada',
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
      is_busy: true,
    });
    expect((await send(runner, 'GET', '/sessions/s/files', as('ada'))).code).toBe(
      'session_not_found',
    );
    expect((await send(runner, 'DELETE', '/sessions/s', as('ada'))).code).toBe('session_busy');
    await cancelRun(runner, waits);
    expect((await get()).status).toBe(200);
    expect((await send(runner, 'DELETE', '/sessions/s', as('bob'))).status).toBe(404);
    expect((await send(runner, 'DELETE', '/sessions/s', as('ada'))).status).toBe(204);
    expect([(await get()).status, traces()]).toEqual([404, nothing]);
    gate.open();
    await untilEnded(runner, await start('s', 'true', 'bob'));
  });

  it('whose removal is cut short by a kill is removed to the end too', async () => {
    await act(runner, 's', 'mkdir m; cd m; touch $(seq 1 20000)');
    const removing = send(runner, 'DELETE', '/sessions/s').catch(() => 'cut');
    await eventually(
      () => traces().removing,
      (names) => names.length > 0,
    );
    await runner.kill();
    expect(await removing).toBe('cut');
    const removedHalf = traces();
    expect([removedHalf.workspace, removedHalf.removing.length]).toEqual([false, 1]);
    runner = await runner.startNext();
    await eventually(traces, ({ removing }) => removing.length === 0);
    expect(traces()).toEqual(nothing);
    await act(runner, 's', '[ ! -e m ]');
  });
});

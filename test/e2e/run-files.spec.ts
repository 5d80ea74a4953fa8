import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { act, send } from '../support/files.js';
import { eventually } from '../support/processes.js';
import { cancelRun, Gate, getRun, startRun, untilEnded, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

const none = {
  created: [],
  modified: [],
  deleted: [],
  total: { created: 0, modified: 0, deleted: 0 },
};
const lists = (created: string[], modified: string[], deleted: string[]) => ({
  ...{ created, modified, deleted },
  total: { created: created.length, modified: modified.length, deleted: deleted.length },
});

describe('the files that a run has changed', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start();
  });
  afterAll(() => runner.stop());
  const filesOf = async (session: string, script: string) =>
    (await act(runner, session, script)).files;

  it('are told of the first run of a session as of those that follow, also in the next server', async () => {
    expect(await filesOf('s', 'true')).toEqual(none);
    expect(await filesOf('t', 'rm projects/memory.md; echo x >> AGENTS.md; echo > a')).toEqual(
      lists(['a'], ['AGENTS.md'], ['projects/memory.md']),
    );
    expect(
      await filesOf('s', 'mkdir -p d/e; echo > d/e/ü; echo > b; echo > "$(printf "x\\351")"'),
    ).toEqual(lists(['b', 'd/e/ü', 'x\\xE9'], [], []));
    runner = await (async () => {
      await runner.terminate();
      return runner.startNext();
    })();
    expect(await filesOf('s', 'echo x >> b; mv d/e/ü moved')).toEqual(
      lists(['moved'], ['b'], ['d/e/ü']),
    );
    expect(await filesOf('s', 'cat b; ls -R')).toEqual(none);
    expect(await filesOf('s', 'rm -r d b; touch -d 2001-01-01 moved')).toEqual(
      lists([], ['moved'], ['b']),
    );
  });

  it('leave out caches and links, and what others have done between two runs', async () => {
    const script = [
      'for it in .git/x node_modules/x a/__pycache__/x .cache/x .venv/x; do mkdir -p "${it%/*}"; echo > $it; done',
      'ln -s /etc link; mkfifo fifo; echo > kept; echo > gone',
    ].join('; ');
    expect(await filesOf('u', script)).toEqual(lists(['gone', 'kept'], [], []));
    const put = (path: string) => send(runner, 'PUT', `/sessions/u/files/${path}`, { body: 'up' });
    await put('up');
    await put('over');
    await put('kept');
    await send(runner, 'DELETE', '/sessions/u/files/gone');
    writeFileSync(join(runner.repo('u'), 'by-hand'), '');
    expect(await filesOf('u', 'rm up; echo more >> over')).toEqual(lists([], ['over'], ['up']));
  });

  it('count what is uploaded and removed during a run as its doing, be it the first or a later one', async () => {
    for (const round of ['first', 'later', 'last']) {
      const ready = new Gate(runner, `ready-${round}`);
      const filled = new Gate(runner, `filled-${round}`);
      const user_prompt = `${ready.pass}; ${filled.wait}; rm temp`;
      const id = await startRun(runner, { user_prompt, session_id: 'during' });
      await eventually(() => ready.isOpen, Boolean);
      const change = async (method: string, name: string, body?: string) =>
        (await send(runner, method, `/sessions/during/files/${name}`, { body })).status;
      expect(await change('PUT', round, 'up')).toBe(201);
      expect(await change('PUT', 'temp', 'up')).toBe(201);
      if (round === 'last') expect(await change('DELETE', 'later')).toBe(204);
      filled.open();
      expect((await untilEnded(runner, id)).files).toEqual(
        lists([round], [], round === 'last' ? ['later'] : []),
      );
    }
    expect(await filesOf('during', 'echo x >> first')).toEqual(lists([], ['first'], []));
  });

  it('are counted where there are many of them', async () => {
    const script =
      'mkdir m; cd m; touch $(seq 1000 1999); cd ..; echo > AGENTS.md; rm projects/memory.md';
    const exit = await act(runner, 'many', script);
    const files = exit.files as typeof none;
    expect(files.total).toEqual({ created: 1000, modified: 1, deleted: 1 });
    expect([files.created.length, files.modified, files.deleted]).toEqual([
      198,
      ['AGENTS.md'],
      ['projects/memory.md'],
    ]);
    expect((await getRun(runner, String(exit.run_id))).files).toEqual(files);
    const { runs } = (await runner.getJson('/runs?session_id=many')) as { runs: object[] };
    expect(runs[0]).not.toHaveProperty('files');
  });

  it('are told of a run that was cancelled, and not of one that never ran', async () => {
    const id = await startRun(runner, { session_id: 'c', user_prompt: 'echo > made; sleep 60' });
    await untilState(runner, id, 'running');
    await new Promise<void>((resolve) => {
      const look = () =>
        void send(runner, 'GET', '/sessions/c/files/made').then(({ status }) =>
          status === 200 ? resolve() : setTimeout(look, 20),
        );
      look();
    });
    await cancelRun(runner, id);
    expect((await untilEnded(runner, id)).files).toEqual(lists(['made'], [], []));
    mkdirSync(join(runner.workspaces, 'blocked'));
    writeFileSync(join(runner.workspaces, 'blocked', 'repo'), '');
    const failed = await startRun(runner, { session_id: 'blocked', user_prompt: 'true' });
    expect(await untilEnded(runner, failed)).toMatchObject({ state: 'failed', files: null });
  });

  it('are not known where there are too many to look at, and the next run waits for no slot', async () => {
    await act(runner, 'huge', 'true');
    for (let folder = 0; folder < 101; folder += 1) {
      const path = join(runner.repo('huge'), 'huge', String(folder));
      mkdirSync(path, { recursive: true });
      for (let file = 0; file < 1000; file += 1) writeFileSync(join(path, String(file)), '');
    }
    const client = await StreamClient.open(runner, { user_prompt: 'echo > x', session_id: 'huge' });
    expect(await client.exit()).toMatchObject({ reason: 'completed', files: null });
    rmSync(join(runner.repo('huge'), 'huge'), { recursive: true });
  });
});

import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { act, send } from '../support/files.js';
import { eventually } from '../support/processes.js';
import { startRun, untilEnded } from '../support/runs.js';
import { Runner } from '../support/runner.js';

interface Commit {
  commit: string;
  parent: string | null;
  run_id: string | null;
  title: string;
}

describe('what runs have left of a session', () => {
  let runner: Runner;
  const json = async (path: string) =>
    JSON.parse((await send(runner, 'GET', `/sessions/s/git/${path}`)).body.toString());
  const commits = async () => (await json('log')).commits as Commit[];
  const untilCommits = (count: number) => eventually(commits, (all) => all.length === count, 60);
  beforeEach(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_COMMIT_RUNS: '1' });
  });
  afterEach(() => runner.stop());

  it('are commits of the server, that are listed and compared', async () => {
    const first = await act(
      runner,
      's',
      '\necho one > "a\\\\ ü"; ln -s /etc l; mkdir -p in/.git; echo > in/.git/x',
    );
    await untilCommits(1);
    await act(runner, 's', 'echo two >> "a\\\\ ü"; rm l');
    const all = await untilCommits(2);
    expect(all[1]).toMatchObject({ parent: null, run_id: first.run_id });
    expect(all[1]!.title).toMatch(/^echo one > /);
    expect(all[0]!.parent).toBe(all[1]!.commit);
    const page = await json('log?limit=1');
    expect(page).toMatchObject({ commits: [all[0]], next_cursor: all[1]!.commit });
    expect(await json(`log?limit=1&cursor=${page.next_cursor}`)).toEqual({
      commits: [all[1]],
      next_cursor: null,
    });
    const changed = await json(`diff?commit=${all[0]!.commit}`);
    expect(changed).toMatchObject({ from: all[1]!.commit, to: all[0]!.commit, truncated: false });
    expect(changed.diff).toContain('+two');
    expect(changed.diff).toContain('deleted file mode 120000');
    expect(await json('diff')).toMatchObject({ from: all[0]!.commit, to: null, diff: '' });
    await send(runner, 'PUT', '/sessions/s/files/new', { body: 'uploaded\n' });
    expect((await json('diff')).diff).toContain('+uploaded');
    expect((await json(`diff?commit=${all[1]!.commit}`)).diff).not.toContain('b/in/.git');
    for (const commit of ['HEAD', '--help', '0'.repeat(40), all[0]!.commit.slice(0, 39)]) {
      expect((await json(`diff?commit=${commit}`)).code).toBe('commit_not_found');
      expect((await json(`log?cursor=${commit}`)).code).toBe('cursor_unknown');
    }
  });

  it('have nothing in them of a run that waited for the session', async () => {
    const many = 'i=0; while [ $i -lt 3000 ]; do echo > f$i; i=$((i+1)); done';
    const ids = [
      await startRun(runner, { session_id: 's', user_prompt: many }),
      await startRun(runner, { session_id: 's', user_prompt: 'echo > zz' }),
    ];
    for (const id of ids) expect((await untilEnded(runner, id)).state).toBe('completed');
    const [last, first] = await untilCommits(2);
    expect([first!.run_id, last!.run_id]).toEqual(ids);
    expect((await json(`diff?commit=${first!.commit}`)).diff).not.toContain('b/zz');
    expect((await json(`diff?commit=${last!.commit}`)).diff).toContain('b/zz');
  });

  it('hold up the removal of a session, and do not refuse it', async () => {
    const many = 'i=0; while [ $i -lt 3000 ]; do echo > f$i; i=$((i+1)); done';
    await act(runner, 's', many);
    expect((await send(runner, 'DELETE', '/sessions/s')).status).toBe(204);
    expect(existsSync(join(runner.runtime, 'git', 's'))).toBe(false);
  });

  it('are not there, and nothing worse, while their session is removed', async () => {
    const seen = new Set<number>();
    for (let round = 0; round < 8; round += 1) {
      await act(runner, 's', 'i=0; while [ $i -lt 300 ]; do echo > f$i; i=$((i+1)); done');
      const asked = ['log', 'diff', 'log', 'diff'].map(async (path) => {
        for (;;) {
          const { status } = await send(runner, 'GET', `/sessions/s/git/${path}`);
          seen.add(status);
          if (status !== 200) return;
        }
      });
      expect((await send(runner, 'DELETE', '/sessions/s')).status).toBe(204);
      await Promise.all(asked);
    }
    // Too many at a time are 429.
    expect([...seen].filter((status) => ![200, 404, 429].includes(status))).toEqual([]);
    expect(runner.logLines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual(
      [],
    );
  });

  it('differ from the template where there is no commit, and long differences are cut', async () => {
    await runner.terminate();
    runner = await runner.startNext({ FERMILINK_RUNNER_COMMIT_RUNS: '0' });
    await act(runner, 's', 'echo new > new; echo more >> AGENTS.md');
    expect(await json('log')).toEqual({ commits: [], next_cursor: null });
    const now = await json('diff');
    expect(now).toMatchObject({ from: null, to: null });
    expect(now.diff).toContain('+++ b/new');
    expect(now.diff).toMatch(/^\+more$/m);
    writeFileSync(join(runner.repo('s'), 'long'), 'line\n'.repeat(500_000));
    const long = await json('diff');
    expect([long.truncated, long.diff.length]).toEqual([true, 1024 * 1024]);
    expect(readdirSync(runner.runtime).filter((name) => name.startsWith('git-')).length).toBe(1);
  });

  it('are kept by a git that obeys nobody', async () => {
    const mark = join(runner.home, 'marked');
    const script = join(runner.home, 'mark.sh');
    writeFileSync(script, `#!/bin/sh\necho "$0 $*" >> ${mark}\ncat\n`, { mode: 0o755 });
    const config = [
      `[core]\n\tfsmonitor = ${script}\n\thooksPath = ${runner.home}/hooks\n\tpager = ${script}`,
      `[diff]\n\texternal = ${script}\n[diff "evil"]\n\ttextconv = ${script}\n\tcommand = ${script}`,
      `[filter "evil"]\n\tclean = ${script}\n\tsmudge = ${script}\n\tprocess = ${script}\n[include]\n\tpath = ${runner.home}/more`,
    ].join('\n');
    mkdirSync(join(runner.home, 'hooks'));
    for (const hook of [
      'reference-transaction',
      'post-commit',
      'pre-auto-gc',
      'post-index-change',
    ]) {
      writeFileSync(join(runner.home, 'hooks', hook), `#!/bin/sh\necho ${hook} >> ${mark}\n`, {
        mode: 0o755,
      });
    }
    writeFileSync(join(runner.home, '.gitconfig'), config);
    writeFileSync(join(runner.home, '.git-config'), config);
    await act(
      runner,
      's',
      [
        `cp ${runner.home}/.gitconfig .git/config; mkdir -p sub; cp -r .git sub/.git`,
        'echo "* diff=evil filter=evil -text" > .gitattributes; cp .gitattributes sub; mkdir -p .git/info; cp .gitattributes .git/info/attributes',
        'printf "[submodule \\"sub\\"]\\n\\tpath = sub\\n\\turl = ext::sh -c true\\n" > .gitmodules; echo text > t; echo text > sub/t',
        'printf "gitdir: /etc\\n" > gitfile; mkdir "git~1"; echo > "git~1/x"',
      ].join('; '),
    );
    const [first] = await untilCommits(1);
    // What stands in its own directory is not obeyed either.
    const own = join(runner.runtime, 'git', 's');
    appendFileSync(join(own, 'config'), config);
    mkdirSync(join(own, 'hooks'), { recursive: true });
    writeFileSync(join(own, 'hooks', 'reference-transaction'), `#!/bin/sh\necho >> ${mark}\n`, {
      mode: 0o755,
    });
    mkdirSync(join(own, 'info'), { recursive: true });
    writeFileSync(join(own, 'info', 'attributes'), '* diff=evil\n');
    await act(runner, 's', 'echo more >> t');
    const all = await untilCommits(2);
    expect((await json('diff')).diff).toBe('');
    expect((await json(`diff?commit=${all[0]!.commit}`)).diff).toContain('+more');
    expect((await json(`diff?commit=${first!.commit}`)).diff).toContain('+++ b/sub/t');
    expect(existsSync(mark)).toBe(false);
  });
});

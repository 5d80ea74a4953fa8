import stringWidth from 'string-width';
import { CommandLine, cli } from '../support/command-line.js';
import { eventually } from '../support/processes.js';
import { Runner } from '../support/runner.js';
import { Gate, cancelRun, getRun, startRun, untilEnded, untilState } from '../support/runs.js';

/** What codex says on its stdout, one event a line, as commands of the shell. */
const say = (...events: object[]) =>
  events.map((it) => `printf '%s\\n' '${JSON.stringify(it).replaceAll("'", "'\\''")}'`).join('; ');
const message = (text: string) => ({
  type: 'item.completed',
  item: { id: 'm', type: 'agent_message', text },
});
const command = (status: 'started' | 'completed', text: string, exit_code = 0) => ({
  type: `item.${status}`,
  item: {
    id: 'c',
    type: 'command_execution',
    command: text,
    aggregated_output: 'no such file',
    ...(status === 'completed' ? { exit_code } : {}),
    status: status === 'started' ? 'in_progress' : exit_code === 0 ? 'completed' : 'failed',
  },
});
const DONE = {
  type: 'turn.completed',
  usage: { input_tokens: 1200, cached_input_tokens: 0, output_tokens: 34 },
};

/** Everything that a terminal might obey. */
const HOSTILE = '\x1b[31mred\x1b]0;title\x07\x9b2J\x00\b\x7f\u202eback\u2066x\u2028y\r';
const SHOWN = String.raw`\x1b[31mred\x1b]0;title\x07\x9b2J\x00\x08\x7f\u202eback\u2066x\u2028y\x0d`;
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
/** What this command line itself sends a terminal: the line again, and colours. */
const OWN = /\r?\x1b\[2K|\x1b\[\d+m|\r\n/g;

describe('fermilink-runner', () => {
  let runner: Runner;
  let env: Record<string, string>;

  beforeAll(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_DISCONNECT_GRACE_SECONDS: '0' });
    env = { FERMILINK_RUNNER_URL: runner.url };
  });
  afterAll(() => runner.stop());

  const idIn = (text: string) => /run ([0-9a-f]{32})/.exec(text)![1]!;

  it('shows in a pipe what the agent says and does, in plain lines', async () => {
    const script = [
      say(message('I look.\nThen I work.'), command('started', 'ls -la')),
      'sleep 0.3',
      say(command('completed', 'ls -la')),
      say(command('started', 'cat nothing'), command('completed', 'cat nothing', 1)),
      'echo warning >&2; sleep 0.2',
      say(message('Done.'), DONE),
    ].join('; ');
    const { out, err, code } = await cli(['run', script, '--session', 'plain'], env);
    expect(out.replace(/[0-9a-f]{32}/, 'ID').replace(/\d\.\d s/g, 'N s')).toBe(
      [
        'run ID in session plain: codex, workspace-write',
        'I look.',
        'Then I work.',
        '$ ls -la',
        '  done in N s',
        '$ cat nothing',
        '  failed',
        '  no such file',
        '! warning',
        'Done.',
        'completed after N s: succeeded, 2 tool calls, 1,200 tokens in, 34 out',
        '',
      ].join('\n'),
    );
    expect({ err, code }).toEqual({ err: '', code: 0 });
  });

  it('takes the prompt from stdin, however it begins', async () => {
    const { out, code } = await cli(['run', '-'], env, say(message('hello'), DONE));
    expect(out).toContain('\nhello\n');
    expect(code).toBe(0);
    expect(await cli(['run', '--', '--version'], env)).toMatchObject({ code: 1 });
  });

  it.each([
    ['the agent has done its work', [say(message('x'), DONE)], 0],
    ['the agent fails', ['exit 3'], 1],
    ['the time is up', ['sleep 1000', '--max-runtime', '1'], 124],
    ['the command is not understood', ['x', '--nonsense'], 2],
    ['the server refuses', ['x'.repeat(10_001)], 3],
    ['the server does not know the package', ['x', '--package', 'none'], 3],
  ])('ends by its exit code when %s', async (_name, args, code) => {
    const ended = await cli(['run', ...args], env);
    expect(ended).toMatchObject({ code });
    if (code === 2) expect(ended.err).toContain("unknown option '--nonsense'");
    if (code === 3) expect(ended.err).toMatch(/^fermilink-runner: .+ \(\w+\)\n$/);
  });

  it('ends with 4 where no server answers, and says what to look at', async () => {
    const there = { FERMILINK_RUNNER_URL: 'http://127.0.0.1:9' };
    const { err, code } = await cli(['runs'], there);
    expect(code).toBe(4);
    expect(err).toContain('does not answer. Look whether it runs, and at --url');
    const run = await cli(['run', 'x'], there);
    expect(run.code).toBe(4);
    expect(run.out).toContain('no connection to the server; trying again in');
  }, 30_000);

  it('shows escaped whatever a terminal would obey', async () => {
    const script = [
      say(message(`a ${HOSTILE} b`), command('started', `rm ${HOSTILE}x`)),
      say(command('completed', `rm ${HOSTILE}x`, 1), { type: 'error', message: HOSTILE }),
      `printf '\\033[2J\\302\\233J\\n' >&2; sleep 0.2`,
      say({ type: 'turn.failed', error: { message: `it ${HOSTILE} failed` } }),
    ].join('; ');
    const { out, code } = await cli(['run', script], env);
    expect(out).toContain(`a ${SHOWN} b`);
    // The server makes one line of a title.
    expect(out).toContain(`$ rm ${SHOWN.slice(0, SHOWN.indexOf('\\u2028'))}`);
    expect(out).toContain(String.raw`! \x1b[2J\x9bJ`);
    expect(out).toContain('failed');
    expect(out).not.toMatch(OBEYED);
    expect(code).toBe(1);

    const onTerminal = CommandLine.inTerminal(['run', script], env);
    await onTerminal.code();
    expect(onTerminal.out).toContain(`a ${SHOWN} b`);
    expect(onTerminal.out.replaceAll(OWN, '')).not.toMatch(OBEYED);

    const json = await cli(['run', script, '--json', '--view', 'activity'], env);
    expect(json.out).not.toMatch(OBEYED);
    const events = json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.find(({ data }) => data.type === 'text').data.text).toBe(`a ${HOSTILE} b`);
    // What failed is told on stderr; it is as much the agent's.
    const list = await cli(['runs', '--json', '--limit', '1'], env);
    expect(list.out).not.toMatch(OBEYED);
  }, 60_000);

  it('prints events as they are with --json', async () => {
    const { out, code } = await cli(['run', `echo '{ "a":  1 }'; ${say(DONE)}`, '--json'], env);
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ event }) => event)).toEqual(['meta', 'agent', 'agent', 'runner.exit']);
    expect(events.find(({ event }) => event === 'agent').data).toBe('{ "a":  1 }');
    expect(events.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
    expect(code).toBe(0);
  });

  it('shows on a terminal one line of what goes on, and takes it away before others', async () => {
    const gate = new Gate(runner, 'wide');
    // Wide characters, far more than there is room for.
    const title = `make ${'日本語👩‍🔬é'.repeat(30)}`;
    const script = [
      say(command('started', title)),
      gate.wait,
      say(command('completed', title), message('Done.'), DONE),
    ].join('; ');
    const run = CommandLine.inTerminal(['run', script], env, 40);
    await eventually(
      () => run.out,
      (out) => out.split(/\d:\d\d \$ make 日本語/).length > 4,
    );
    gate.open();
    expect(await run.code()).toBe(0);
    const drawn = [...run.out.matchAll(/\r\x1b\[2K([^\r\n]*)/g)].map(([, text]) => text!);
    expect(drawn.filter((it) => it.includes('日本')).length).toBeGreaterThan(2);
    const status = drawn.filter((line) => /^\S \d:\d\d/.test(line.replaceAll(OWN, '')));
    expect(status.length).toBeGreaterThan(3);
    for (const line of status) expect(stringWidth(line)).toBeLessThan(40);
    // What stays there: the line that was rewritten is gone.
    const left = run.out.split('\r\n').map((line) => line.replace(/^.*\r\x1b\[2K/s, ''));
    expect(left.map((line) => line.replaceAll(OWN, '')).slice(2)).toEqual([
      expect.stringMatching(/^ {2}done in \d/),
      'Done.',
      expect.stringMatching(/^completed after/),
      '',
    ]);
  }, 60_000);

  it('has colours on a terminal only where they are wanted', async () => {
    const script = say(message('Done.'), DONE);
    const colour = /\x1b\[\d+m/;
    const plain = CommandLine.inTerminal(['run', script], { ...env, NO_COLOR: '1' });
    await plain.code();
    expect(plain.out).not.toMatch(colour);
    expect(plain.out).toContain('\r\x1b[2K');
    const coloured = CommandLine.inTerminal(['run', script], env);
    await coloured.code();
    expect(coloured.out).toMatch(colour);
    const dumb = CommandLine.inTerminal(['run', script], { ...env, TERM: 'dumb' });
    await dumb.code();
    expect(dumb.out).not.toMatch(/\x1b/);
  }, 60_000);

  it('shows the place of a run that waits', async () => {
    const gate = new Gate(runner, 'place');
    const first = await startRun(runner, { user_prompt: gate.wait, session_id: 'place' });
    await untilState(runner, first, 'running');
    const run = CommandLine.start(['run', say(message('x'), DONE), '--session', 'place'], env);
    await run.says('waiting, place 1 of 1\n');
    gate.open();
    expect(await run.code()).toBe(0);
  }, 30_000);

  it('asks the server to end the run on Ctrl-C, and tells how it ended', async () => {
    const run = CommandLine.inTerminal(['run', `${say(message('begun'))}; sleep 1000`], env);
    await run.says('begun');
    run.type('\x03');
    await run.says('Asking the server to end the run; Ctrl-C again leaves at once.');
    expect(await run.code()).toBe(130);
    expect(run.out).toContain('cancelled after');
    expect(await getRun(runner, idIn(run.out))).toMatchObject({ code: 'cancel_requested' });
  }, 30_000);

  it('leaves at once on the second Ctrl-C', async () => {
    const gate = new Gate(runner, 'deaf');
    const deaf = `trap '' INT TERM; ${say(message('begun'))}; ${gate.wait}`;
    const run = CommandLine.inTerminal(['run', deaf], env);
    await run.says('begun');
    run.type('\x03');
    await run.says('leaves at once');
    run.type('\x03');
    expect(await run.code()).toBe(130);
    expect(run.out).not.toContain('cancelled after');
    expect(await getRun(runner, idIn(run.out))).toMatchObject({ ended_at: null });
    gate.open();
    await untilEnded(runner, idIn(run.out));
  }, 30_000);

  it('asks the server to end the run on SIGTERM too', async () => {
    const run = CommandLine.start(['run', `${say(message('begun'))}; sleep 1000`], env);
    await run.says('begun');
    run.process.kill('SIGTERM');
    expect(await run.code()).toBe(130);
    expect(await getRun(runner, idIn(run.out))).toMatchObject({ code: 'cancel_requested' });
  }, 30_000);

  it('ends quietly when nobody reads any more, and leaves the run to its rule', async () => {
    const script = `while :; do ${say(message('again'))}; sleep 0.02; done`;
    const run = CommandLine.inShell('"$@" | head -2; echo ${PIPESTATUS[0]}', ['run', script], env);
    expect(await run.code()).toBe(0);
    expect(run.out).toMatch(/^run .*\nagain\n141\n$/);
    expect(run.err).toBe('');
    expect(await untilEnded(runner, idIn(run.out))).toMatchObject({ code: 'client_gone' });
  }, 30_000);

  it('says so also where the reader went before its last words', async () => {
    const script = say(message('once'));
    const run = CommandLine.inShell('"$@" | head -1; echo ${PIPESTATUS[0]}', ['run', script], env);
    expect(await run.code()).toBe(0);
    expect(run.out).toMatch(/^run .*\n141\n$/);
  }, 30_000);

  it('refuses a sandbox that would not be one, and says how it ended without a code', async () => {
    const mistyped = CommandLine.start(['run', 'true', '--sandbox', 'readonly'], env);
    expect(await mistyped.code()).toBe(2);
    expect(mistyped.err).toContain('read-only');
    const late = CommandLine.start(['run', 'sleep 1000', '--max-runtime', '1'], env);
    expect(await late.code()).toBe(124);
    expect(late.out).toMatch(/limit of 1 seconds?\.\n/);
  }, 30_000);

  it('lets a run go on with --keep', async () => {
    const gate = new Gate(runner, 'keep');
    const script = `while ! [ -e ${gate.path} ]; do ${say(message('again'))}; sleep 0.02; done`;
    const run = CommandLine.inShell('"$@" | head -2', ['run', script, '--keep'], env);
    await run.code();
    gate.open();
    expect(await untilEnded(runner, idIn(run.out))).toMatchObject({ reason: 'completed' });
  }, 30_000);

  it('makes a run and does not wait for it with --detach; follow shows it', async () => {
    const gate = new Gate(runner, 'detach');
    const script = `${say(message('first'))}; ${gate.wait}; ${say(message('second'), DONE)}`;
    const { out, code } = await cli(['run', script, '--detach'], env);
    expect(code).toBe(0);
    expect(out).toMatch(/^[0-9a-f]{32}\n$/);
    const id = out.trim();
    const left = CommandLine.inTerminal(['follow', id], env);
    await left.says('first');
    left.type('\x03');
    expect(await left.code()).toBe(130);
    expect(left.out).toContain(`Left. The run can be ended with: fermilink-runner cancel ${id}`);
    expect(await getRun(runner, id)).toMatchObject({ ended_at: null });
    const following = CommandLine.start(['follow', id, '--after', '1'], env);
    await following.says('first');
    gate.open();
    expect(await following.code()).toBe(0);
    expect(following.out).toMatch(/^first\nsecond\ncompleted after/);
    expect(await cli(['follow', id, '--after', '4'], env)).toMatchObject({ code: 0 });
  }, 60_000);

  it('cancels a run by its id, and lists what there is', async () => {
    const id = await startRun(runner, { user_prompt: 'sleep 1000', session_id: 'listed' });
    await untilState(runner, id, 'running');
    const running = await cli(['runs', '--session', 'listed', '--state', 'running'], env);
    expect(running.out.split('\n').map((line) => line.split(/ {2,}/)[0])).toEqual(['RUN', id, '']);
    expect(await cli(['cancel', id], env)).toMatchObject({
      out: expect.stringMatching(/^cancelled \(cancel_requested\): .+\.\n$/),
      code: 0,
    });
    const json = await cli(['runs', '--session', 'listed', '--json'], env);
    const { created_at, ...run } = JSON.parse(json.out);
    expect(run).toMatchObject({ run_id: id, state: 'cancelled' });
    const listed = await cli(['runs', '--session', 'listed'], { ...env, TZ: 'Asia/Tokyo' });
    expect(listed.out).toContain(`  ${String(created_at).slice(0, 19)}Z  `);
    const again = await cli(['cancel', id, '--json'], env);
    expect([JSON.parse(again.out), again.code]).toMatchObject([
      { run_id: id, state: 'cancelled', created_at },
      0,
    ]);
    expect(await cli(['cancel', 'nothing'], env)).toMatchObject({
      err: expect.stringContaining('(run_not_found)'),
      code: 3,
    });
    expect((await cli(['runs', '--limit', '3'], env)).out.trim().split('\n')).toHaveLength(4);
  }, 30_000);

  it('tells of a cancel by somebody else', async () => {
    const run = CommandLine.start(['run', `${say(message('begun'))}; sleep 1000`], env);
    await run.says('begun');
    await cancelRun(runner, idIn(run.out));
    expect(await run.code()).toBe(130);
    expect(run.out).toContain('(cancel_requested)');
  }, 30_000);
});

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from '../support/processes.js';
import { PROJECT, Runner } from '../support/runner.js';
import { Gate, untilIdle } from '../support/runs.js';

const PROGRAM = join(PROJECT, 'test', 'support', 'platform_client.py');

type Said = [kind: string, ...rest: ReturnType<typeof JSON.parse>[]];

/** The platform's program, at work. */
class Platform {
  readonly said: Said[] = [];
  private err = '';
  private readonly ended: Promise<unknown>;

  private constructor(readonly process: ChildProcess) {
    createInterface({ input: process.stdout! }).on('line', (line) =>
      this.said.push(JSON.parse(line)),
    );
    process.stderr!.on('data', (chunk: Buffer) => (this.err += chunk.toString()));
    this.ended = once(process, 'close');
  }

  static start(...args: string[]): Platform {
    return new Platform(spawn('python3', [PROGRAM, ...args]));
  }

  /** Waits for its end; gives all that it would have shown. */
  async all(): Promise<Said[]> {
    await this.ended;
    expect(this.err).toBe('');
    return this.said;
  }

  async shows(kind: string): Promise<Said> {
    await eventually(
      () => this.said.map(([it]) => it),
      (kinds) => kinds.includes(kind),
    );
    return this.said.find(([it]) => it === kind)!;
  }
}

const dataOf = (said: Said[], kind: string) =>
  said.filter(([it]) => it === kind).map(([, data]) => data);

describe('the Python web application', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '2',
      FERMILINK_RUNNER_PER_USER_CONCURRENT_RUNS: '1',
      FERMILINK_RUNNER_MAX_QUEUE_SIZE: '3',
      FERMILINK_RUNNER_MAX_PENDING_PER_USER: '2',
    });
  });
  // Each test leaves a server at rest, and its state is in folders of its own.
  afterEach(() => untilIdle(runner));
  afterAll(() => runner.stop());

  const submit = (body: object) => Platform.start('submit', runner.url, JSON.stringify(body));
  const submitNow = (body: object | string) =>
    Platform.start(
      'submit-now',
      runner.url,
      typeof body === 'string' ? body : JSON.stringify(body),
    );
  const root = () => join(runner.home, 'fermilink', 'scientific_packages');

  it('sees a run from its beginning to its end, and its files on the shared disk', async () => {
    const said = await submit({
      user_prompt: `echo '{"type":"x","n":1}'; echo plain; echo note >&2; echo 42 > outputs/answer.txt`,
      session_id: 'web-1',
      user_id: 'Ada',
      provider: 'codex',
    }).all();
    expect(said[0]).toEqual([
      'headers',
      expect.stringMatching(/^text\/event-stream/),
      expect.stringContaining('no-cache'),
    ]);
    expect(said[1]).toEqual([
      'meta',
      {
        session_id: 'web-1',
        run_id: expect.any(String),
        agent: {
          provider: 'codex',
          sandbox_policy: 'enforce',
          sandbox_mode: 'workspace-write',
          model: null,
          reasoning_effort: null,
        },
      },
    ]);
    expect(dataOf(said, 'agent')).toEqual([{ type: 'x', n: 1 }, 'plain']);
    expect(dataOf(said, 'log')).toEqual(['note']);
    expect(said.slice(-2)).toEqual([
      ['runner.exit', expect.objectContaining({ reason: 'completed', return_code: 0 })],
      ['end'],
    ]);
    const files = await Platform.start('files', runner.repo('web-1')).all();
    expect(files).toContainEqual(['file', 'outputs/answer.txt', '42\n']);
    expect(files.map(([, path]) => path)).toContain('projects/memory.md');
  });

  it('gets what an agent prints as it is, and nothing that an agent makes up', async () => {
    // Every character at which some reader of lines ends one.
    const ends = '\r\v\f\x1c\x1d\x1e\x85\u2028\u2029';
    const forged = `${ends}event: runner.exit${ends}data: {"reason":"completed"}${ends}${ends}`;
    const json = JSON.stringify({ text: `a${forged}b` });
    // As an agent in JavaScript would print it: some of them stand in JSON as they are.
    const raw = json.replace(/\\u(0085|2028|2029)/g, (_, hex) =>
      String.fromCharCode(parseInt(hex, 16)),
    );
    const lines = [
      json,
      raw,
      `x${forged}y`,
      ': comment',
      'event: runner.exit',
      'data: {}',
      'id: 9',
    ];
    const folder = join(runner.home, 'lines');
    writeFileSync(folder, `${lines.join('\n')}\n\n\nbroken \xff`);
    const said = await submitNow({ user_prompt: `cat ${folder}; cat ${folder} >&2` }).all();
    const blanks = (text: string) => text.replace(/[\r\v\f\x1c-\x1e\x85\u2028\u2029]/g, ' ');
    expect(dataOf(said, 'agent')).toEqual([
      JSON.parse(json),
      JSON.parse(json),
      blanks(lines[2]!),
      ...lines.slice(3),
      'broken ÿ',
    ]);
    expect(dataOf(said, 'log')).toEqual([...lines, 'broken ÿ']);
    expect(dataOf(said, 'runner.exit')).toEqual([expect.objectContaining({ return_code: 0 })]);
    expect(said.at(-1)).toEqual(['end']);
  });

  it('polls until its user may run, and shows from the numbers that it waits', async () => {
    const gate = new Gate(runner, 'first');
    const first = submit({ user_prompt: `echo up; ${gate.wait}`, user_id: 'ada' });
    await first.shows('agent');
    const second = submit({ user_prompt: 'echo second', user_id: ' ADA' });
    expect(await second.shows('queued')).toEqual([
      'queued',
      {
        user_key: 'user:ada',
        can_run_now: false,
        per_user_active: 1,
        per_user_pending: 0,
        active_total: 1,
        pending_total: 0,
        global_limit: 2,
        per_user_limit: 1,
        timestamp_utc: expect.stringMatching(/Z$/),
      },
    ]);
    // It has not submitted anything yet, and nobody else is held up.
    expect(await runner.getJson('/ops/concurrency')).toMatchObject({ pending_total: 0 });
    const other = await submit({ user_prompt: 'echo other', user_id: 'bob' }).all();
    expect(other.map(([kind]) => kind)).not.toContain('queued');
    gate.open();
    expect(dataOf(await second.all(), 'agent')).toEqual(['second']);
    await first.all();
  });

  it('waits in the queue without noticing what it does not know', async () => {
    const gate = new Gate(runner, 'queue');
    const first = submitNow({ user_prompt: `echo up; ${gate.wait}`, user_id: 'ada' });
    await first.shows('agent');
    const second = submitNow({ user_prompt: 'echo second', user_id: 'ada' });
    await second.shows('headers');
    await eventually(
      () => runner.getJson('/ops/concurrency'),
      (it) => it.pending_total === 1,
    );
    gate.open();
    const said = await second.all();
    expect(said.map(([kind]) => kind)).toEqual(['headers', 'meta', 'agent', 'runner.exit', 'end']);
  });

  it('is told that the time was up', async () => {
    const said = await submitNow({ user_prompt: 'exec sleep 1000', max_runtime_seconds: 1 }).all();
    const [exit] = dataOf(said, 'runner.exit');
    expect(exit.reason).toBe('timeout');
    // Of the signal that it was asked by.
    expect(exit.return_code).toBeLessThan(0);
  });

  it('ends a run by leaving, whose slot is free then', async () => {
    const web = submitNow({ user_prompt: 'echo up; sleep 1000', user_id: 'ada' });
    await web.shows('agent');
    web.process.kill('SIGKILL');
    await untilIdle(runner);
    expect((await submit({ user_prompt: 'true', user_id: 'ada' }).all()).at(-1)).toEqual(['end']);
  });

  it('chooses a package by editing the registry between two runs', async () => {
    const run = async (more: object = {}) => {
      const said = await submit({ user_prompt: 'cat tool.py', session_id: 'pkg', ...more }).all();
      return [dataOf(said, 'meta')[0].package?.package_id, dataOf(said, 'agent')];
    };
    expect(await run()).toEqual([undefined, []]);
    for (const id of ['one', 'two']) {
      mkdirSync(join(runner.home, id));
      writeFileSync(join(runner.home, id, 'tool.py'), `# ${id}\n`);
    }
    await Platform.start('install', root(), 'one', join(runner.home, 'one')).all();
    expect(await run()).toEqual(['one', ['# one']]);
    await Platform.start('install', root(), 'two', join(runner.home, 'two')).all();
    // The session keeps what it has; a new one gets the active one, and a run what it names.
    expect(await run()).toEqual(['one', ['# one']]);
    expect(await run({ session_id: 'new' })).toEqual(['two', ['# two']]);
    expect(await run({ package_id: 'two' })).toEqual(['two', ['# two']]);
    const registry = JSON.parse(readFileSync(join(root(), 'registry.json'), 'utf8'));
    expect(registry.packages.one.note).toBe('kept');
  });

  describe('shows as it is the detail of', () => {
    const fails = async (body: object | string) => (await submitNow(body).all())[0];

    it.each<[string, object | string, number, RegExp]>([
      ['a long prompt', { user_prompt: 'x'.repeat(10_001) }, 413, /^Prompt too long\.$/],
      ['no prompt', {}, 422, /user_prompt/],
      ['an empty prompt', { user_prompt: '' }, 422, /user_prompt/],
      ['a wrong type', { user_prompt: 1 }, 422, /user_prompt must be a string/],
      ['bad JSON', '{"user_prompt":', 422, /JSON/],
      [
        'an unknown package',
        { user_prompt: 'x', package_id: 'Nope' },
        400,
        /^Requested package not found: Nope$/,
      ],
    ])('%s', async (_name, body, status, detail) => {
      expect(await fails(body)).toEqual(['error', status, expect.stringMatching(detail)]);
    });

    it('an unknown path, and of another method', async () => {
      for (const [method, path, status] of [
        ['POST', '/nowhere', 404],
        ['GET', '/run', 405],
      ] as const) {
        const answer = await fetch(runner.url + path, { method });
        expect(answer.status).toBe(status);
        expect(answer.headers.get('allow')).toBe(status === 405 ? 'POST' : null);
        expect(typeof ((await answer.json()) as { detail: unknown }).detail).toBe('string');
      }
    });

    it('a full queue, of a user and of all', async () => {
      const gate = new Gate(runner, 'full');
      const start = (user_id: string, prompt = gate.wait) =>
        submitNow({ user_prompt: prompt, user_id });
      await start('ada', `echo up; ${gate.wait}`).shows('agent');
      const pending = (count: number) =>
        eventually(
          () => runner.getJson('/ops/concurrency'),
          (it) => it.pending_total === count,
        );
      start('ada');
      await pending(1);
      start('ada');
      await pending(2);
      expect(await fails({ user_prompt: 'x', user_id: 'ada' })).toEqual([
        'error',
        429,
        'Runner queue is full for this user (2 pending requests).',
      ]);
      await start('bob', `echo up; ${gate.wait}`).shows('agent');
      start('bob');
      await pending(3);
      expect(await fails({ user_prompt: 'x', user_id: 'cyd' })).toEqual([
        'error',
        429,
        'Runner queue is full (3 pending requests).',
      ]);
      gate.open();
      await untilIdle(runner);
    }, 60_000);

    it('a package without its folder', async () => {
      await Platform.start('install', root(), 'solver', join(runner.home, 'gone')).all();
      expect(await fails({ user_prompt: 'x', package_id: 'solver' })).toEqual([
        'error',
        400,
        expect.stringMatching(/^The package "solver" is registered, but its folder is missing/),
      ]);
      // One that nobody has asked for is no reason to refuse a run.
      expect((await submitNow({ user_prompt: 'true' }).all()).at(-1)).toEqual(['end']);
    });

    it('a provider without an implementation', async () => {
      const policy = join(runner.home, 'fermilink', 'agent_runtime.json');
      writeFileSync(policy, '{"provider": "somebody-elses"}');
      expect(await fails({ user_prompt: 'x' })).toEqual([
        'error',
        501,
        expect.stringMatching(/no implementation of the provider "somebody-elses"/),
      ]);
      rmSync(policy);
    });

    it('a memory file that cannot be made', async () => {
      await submitNow({
        user_prompt: 'rm projects/memory.md; mkdir projects/memory.md',
        session_id: 'm',
      }).all();
      expect(await fails({ user_prompt: 'x', session_id: 'm' })).toEqual([
        'error',
        500,
        expect.stringMatching(/^Failed to initialize workspace memory file: /),
      ]);
    });
  });
});

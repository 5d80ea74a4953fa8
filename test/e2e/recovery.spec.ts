import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { eventually, processesWith } from '../support/processes.js';
import { ask, cancelRun, Gate, getRun, postRun, startRun, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
const LOST = { state: 'lost', reason: 'lost', code: 'server_died', return_code: null };

describe('the start after a server that died', () => {
  it('ends what had started, kills its agents, and starts what waits', async () => {
    const runner = await Runner.start({ FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '3' });
    const mark = `86400.${process.pid}71`;
    const ticking = `i=0; while :; do i=$((i+1)); echo $i; echo e$i >&2; sleep 0.01; done`;
    const started: StreamClient[] = [];
    for (const [session_id, user_prompt] of [
      ['plain', `sleep ${mark} & ${ticking}`],
      ['detached', `setsid sleep ${mark} & ${ticking}`],
      [
        'stubborn',
        `trap '' INT TERM HUP PIPE; env -i setsid /bin/sleep ${mark} & echo x > $TMPDIR/x; ${ticking}`,
      ],
    ] as const) {
      const client = await StreamClient.open(runner, { session_id, user_prompt });
      await client.waitFor(({ data }) => data === '20');
      started.push(client);
    }
    const kept = [];
    for (const index of [1, 2, 3]) {
      const user_prompt = `echo ${index} >> outputs/order`;
      kept.push(await startRun(runner, { session_id: 'kept', user_prompt }));
    }
    const dropped = await StreamClient.open(runner, {
      session_id: 'dropped',
      user_prompt: 'echo ran > outputs/ran',
    });
    await dropped.waitFor(({ event }) => event === 'queued');
    expect(processesWith(mark).length).toBeGreaterThanOrEqual(3);
    await runner.kill();
    await Promise.all([...started, dropped].map((client) => client.all()));
    expect(processesWith(mark).length).toBeGreaterThanOrEqual(3);

    const next = await runner.startNext();
    // Nothing of the dead server's is left when the new one takes runs.
    expect(processesWith(mark)).toEqual([]);
    for (const client of started) {
      const id = String(client.response.headers.location).slice(6);
      const run = await getRun(next, id);
      expect(run).toMatchObject({ ...LOST, started_at: expect.any(String) });
      const rest = await StreamClient.follow(next, id, { lastEventId: client.ids.at(-1) });
      expect(await rest.exit()).toMatchObject({ reason: 'lost', run_id: id, survivors: 0 });
      // What the client had seen and what it gets now is all, each once.
      expect([...client.ids, ...rest.ids]).toEqual(upTo(run.last_event_id));
      const whole = await StreamClient.follow(next, id);
      await whole.all();
      expect(whole.events).toEqual([...client.events, ...rest.events]);
      const lines = whole.dataOf('agent').map(Number);
      expect(lines).toEqual(upTo(lines.length));
      expect(whole.dataOf('runner.exit')).toHaveLength(1);
      expect(await cancelRun(next, id)).toMatchObject({ status: 200, body: run });
      // The session is free again.
      const again = await StreamClient.open(next, {
        session_id: run.session_id,
        user_prompt: 'echo again',
      });
      expect(await again.exit()).toMatchObject({ reason: 'completed' });
    }
    for (const id of kept) await untilState(next, id, 'completed');
    expect(readFileSync(join(next.repo('kept'), 'outputs', 'order'), 'utf8')).toBe('1\n2\n3\n');
    const id = String(dropped.response.headers.location).slice(6);
    expect(await getRun(next, id)).toMatchObject({ ...LOST, started_at: null, last_event_id: 1 });
    expect(existsSync(next.repo('dropped'))).toBe(false);
    await eventually(
      () => readdirSync(next.runtime).filter((name) => name.startsWith('run-')),
      (left) => left.length === 0,
    );

    // The next death finds nothing of this left to do.
    const before = await ask(next, 'GET', '/runs?limit=200');
    await next.kill();
    const third = await next.startNext();
    expect((await ask(third, 'GET', '/runs?limit=200')).body).toEqual(before.body);
    await third.stop();
  });

  it('reads from the logs what agents had said of their work', async () => {
    const runner = await Runner.start();
    const recording = resolve(__dirname, '..', 'recordings', 'codex', 'write.jsonl');
    // One line comes in parts when it is read again, and is none that anybody reads.
    const long = `head -c 3000000 /dev/zero | tr '\\0' x; echo`;
    const ids: string[] = [];
    for (const [session_id, says] of [
      ['whole', `${long}; cat ${recording}; echo last`],
      ['half', `head -n -1 ${recording}; echo last`],
      ['words', `echo 'ERROR: 401 Unauthorized: invalid API key' >&2; echo last`],
      ['silent', 'echo last'],
    ]) {
      const user_prompt = `${says}; sleep 86400.${process.pid}73`;
      const client = await StreamClient.open(runner, { session_id, user_prompt });
      await client.waitFor(({ data }) => data === 'last');
      // It comes through another pipe.
      if (session_id === 'words') await client.waitFor(({ event }) => event === 'log');
      ids.push(String(client.response.headers.location).slice(6));
    }
    await runner.kill();
    const next = await runner.startNext();
    const none = { input_tokens: null, cached_tokens: null, output_tokens: null, cost_usd: null };
    const nothing = { ...none, turns: null, tool_calls: 0 };
    const results = [
      {
        outcome: 'succeeded',
        error: null,
        result_text: 'It is written.',
        usage: {
          ...{ input_tokens: 200, cached_tokens: 20, output_tokens: 40, cost_usd: null },
          ...{ turns: null, tool_calls: 1 },
        },
      },
      {
        outcome: 'unknown',
        error: null,
        result_text: 'It is written.',
        usage: { ...nothing, tool_calls: 1 },
      },
      {
        outcome: 'unknown',
        error: { code: 'auth_rejected', message: expect.stringContaining('401') },
        result_text: null,
        usage: nothing,
      },
      { outcome: 'unknown', error: null, result_text: null, usage: nothing },
    ];
    for (const [index, id] of ids.entries()) {
      expect(await getRun(next, id)).toMatchObject({ ...LOST, ...results[index] });
      const stream = await StreamClient.follow(next, id);
      expect(await stream.exit()).toMatchObject({ reason: 'lost', ...results[index] });
    }
    const metrics = await (await fetch(`${next.url}/metrics`)).text();
    expect(metrics).toMatch(/^runner_agent_results_total\{.*outcome="succeeded".*\} 1$/m);
    await next.stop();
  });

  it('keeps to the end that a run had before its server died', async () => {
    const runner = await Runner.start();
    const id = await startRun(runner, { user_prompt: 'seq 5' });
    const before = await untilState(runner, id, 'completed');
    await runner.kill();
    const next = await runner.startNext();
    expect(await getRun(next, id)).toEqual(before);
    const stream = await StreamClient.follow(next, id);
    expect(await stream.exit()).toMatchObject({ reason: 'completed' });
    expect(stream.ids).toEqual(upTo(7));
    await next.stop();
  });

  it('leaves nothing that others may read', async () => {
    const runner = await Runner.start();
    const id = await startRun(runner, { user_prompt: 'seq 5' }, { 'idempotency-key': 'secret' });
    await untilState(runner, id, 'completed');
    const live = await startRun(runner, { user_prompt: 'sleep 3600' });
    await untilState(runner, live, 'running');
    const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
    const modes = [`folder ${modeOf(runner.runtime)}`];
    for (const folder of ['live', 'ended', 'keys', 'events']) {
      const path = join(runner.runtime, folder);
      modes.push(`folder ${modeOf(path)}`);
      modes.push(...readdirSync(path).map((name) => `file ${modeOf(join(path, name))}`));
    }
    expect(modes.length).toBeGreaterThanOrEqual(10);
    expect(new Set(modes)).toEqual(new Set(['folder 700', 'file 600']));
    await cancelRun(runner, live);
    await runner.stop();
  });
});

describe('two servers over the same roots', () => {
  it('serve one after the other: the second takes over when the first has ended', async () => {
    const first = await Runner.start({ FERMILINK_RUNNER_DRAIN_SECONDS: '0' });
    const mark = `86400.${process.pid}72`;
    const done = await startRun(first, { user_prompt: 'true', session_id: 'done' });
    await untilState(first, done, 'completed');
    const live = await startRun(first, { user_prompt: `sleep ${mark}`, session_id: 'live' });
    const waits = await startRun(first, { user_prompt: 'true', session_id: 'live' });
    await untilState(first, live, 'running');

    const second = await first.startNext();
    expect((await ask(second, 'GET', '/health/live')).status).toBe(200);
    expect((await ask(second, 'GET', '/health/ready')).status).toBe(503);
    const refused = await postRun(second, { user_prompt: 'true' });
    expect([refused.status, refused.body.code]).toEqual([503, 'draining']);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    // It does not know the other's runs, and does not say that there are none.
    for (const [method, path] of [
      ['GET', '/runs'],
      ['GET', `/runs/${live}`],
      ['GET', `/runs/${live}/events`],
      ['POST', `/runs/${live}/cancel`],
    ] as const) {
      const answer = await ask(second, method, path);
      expect([path, answer.status, answer.body.code]).toEqual([path, 503, 'draining']);
    }
    // It touches nothing of the other's.
    expect(processesWith(mark)).toHaveLength(1);
    expect(await getRun(first, live)).toMatchObject({ state: 'running' });
    const between = await startRun(first, { user_prompt: 'true', session_id: 'between' });
    await untilState(first, between, 'completed');

    await first.kill();
    await eventually(
      async () => (await ask(second, 'GET', '/health/ready')).status,
      (status) => status === 200,
    );
    expect(processesWith(mark)).toEqual([]);
    expect(await getRun(second, live)).toMatchObject(LOST);
    await untilState(second, waits, 'completed');
    const { runs } = (await ask(second, 'GET', '/runs')).body;
    expect(runs.map(({ run_id: id }: { run_id: string }) => id)).toEqual([
      between,
      waits,
      live,
      done,
    ]);
    await second.stop();
  });

  it('do not wait for ever: the second says why it stops, and ends with 1', async () => {
    const first = await Runner.start();
    const second = await first.startNext({ FERMILINK_RUNNER_LOCK_WAIT_SECONDS: '1' });
    await second.closed;
    expect(second.process.exitCode).toBe(1);
    expect(second.logLines.at(-1)!.msg).toBe(
      'Another runner still holds FERMILINK_RUNTIME_ROOT or FERMILINK_WORKSPACES_ROOT after 1 seconds; stop it, or give this one roots of its own.',
    );
    expect((await ask(first, 'GET', '/health/ready')).status).toBe(200);
    // Another user who could open them could hold them too.
    for (const root of [first.runtime, first.workspaces]) {
      expect(statSync(join(root, '.server.lock')).mode & 0o777).toBe(0o600);
    }
    await first.stop();
  });

  it.each(['FERMILINK_RUNTIME_ROOT', 'FERMILINK_WORKSPACES_ROOT'])(
    'wait also where they share one root alone, not %s',
    async (root) => {
      const first = await Runner.start();
      const second = await first.startNext({ [root]: join(first.home, 'its-own') });
      expect((await ask(second, 'GET', '/health/ready')).status).toBe(503);
      const exited = once(second.process, 'exit');
      second.process.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
      expect((await ask(first, 'GET', '/health/ready')).status).toBe(200);
      await first.stop();
    },
  );
});

describe('a run that a server leaves to the next, again and again', () => {
  it('runs once', async () => {
    let runner = await Runner.start({ FERMILINK_RUNNER_DRAIN_SECONDS: '0' });
    const session_id = 'again';
    const gate = new Gate(runner, 'gate');
    const before: string[] = [];
    for (let i = 0; i < 4; i += 1) {
      before.push(await startRun(runner, { user_prompt: gate.wait, session_id }));
    }
    const body = { user_prompt: 'echo x >> outputs/count', session_id };
    const key = { 'idempotency-key': 'again' };
    const id = await startRun(runner, body, key);
    for (const [index, end] of (['kill', 'terminate', 'kill'] as const).entries()) {
      await untilState(runner, before[index]!, 'running');
      await runner[end]();
      runner = await runner.startNext();
      const state = end === 'kill' ? 'lost' : 'cancelled';
      expect(await getRun(runner, before[index]!)).toMatchObject({ state });
      expect((await postRun(runner, body, key)).body).toMatchObject({
        run_id: id,
        state: 'queued',
      });
    }
    gate.open();
    await untilState(runner, id, 'completed');
    expect(readFileSync(join(runner.repo(session_id), 'outputs', 'count'), 'utf8')).toBe('x\n');
    await runner.stop();
  });
});

import { printedRandomNumbers } from '../support/random.js';
import { ask, cancelRun, Gate, getRun, startRun, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

const upTo = (last: number, after = 0) =>
  Array.from({ length: last - after }, (_, index) => after + index + 1);

describe('GET /runs/{id}/events', () => {
  let runner: Runner;
  beforeAll(async () => (runner = await Runner.start()));
  afterAll(() => runner.stop());

  const ended = async (script: string) => {
    const id = await startRun(runner, { user_prompt: script });
    return { id, last: (await untilState(runner, id, 'completed')).last_event_id };
  };

  it('gives what comes after every event, by the header as by the query', async () => {
    // Lines around the size in which a log is read, so that events lie across the pieces.
    const sizes = [1, 262_100, 30, 262_144, 300_000, 10, 700_000, 2, 131_072, 131_072, 5];
    const script = sizes
      .map((size, index) => `head -c ${size} /dev/zero | tr '\\0' ${'abcdefghijk'[index]}; echo`)
      .join('; ');
    const { id, last } = await ended(script);
    expect(last).toBe(sizes.length + 2);
    const whole = await (await StreamClient.follow(runner, id)).all();
    expect(whole.map(({ event }) => event)).toEqual([
      'meta',
      ...sizes.map(() => 'agent'),
      'runner.exit',
    ]);
    expect(whole.slice(1, -1).map(({ data }) => data.length)).toEqual(sizes);
    for (let after = 0; after < last; after += 1) {
      for (const cursor of [{ after }, { lastEventId: after }]) {
        const client = await StreamClient.follow(runner, id, cursor);
        expect(client.status).toBe(200);
        expect(await client.all()).toEqual(whole.slice(after));
        // The only block without data says from where it goes on: no other id misleads a client.
        expect(client.openings).toEqual([String(after)]);
        expect(client.retry).toBe(3000);
      }
    }
  });

  it('answers 204 to a client that has a finished run whole, and 400 to one that has more', async () => {
    const { id, last } = await ended('echo one; echo two');
    for (const cursor of [{ after: last }, { lastEventId: last }]) {
      const client = await StreamClient.follow(runner, id, cursor);
      await client.all();
      expect([client.status, client.events]).toEqual([204, []]);
    }
    for (const after of [last + 1, 999_999, '9'.repeat(15), '9'.repeat(40)]) {
      const client = await StreamClient.follow(runner, id, { after });
      expect(client.status).toBe(400);
      expect(await client.json()).toMatchObject({ code: 'cursor_unknown' });
    }
  });

  it('believes the header before the query, and takes an empty one for none', async () => {
    const { id, last } = await ended('echo one; echo two');
    const follow = async (lastEventId: number | string, after: number | string) => {
      const client = await StreamClient.follow(runner, id, { lastEventId, after });
      await client.all();
      return client.ids;
    };
    expect(await follow(1, 3)).toEqual(upTo(last, 1));
    expect(await follow(1, 'x')).toEqual(upTo(last, 1));
    expect(await follow(0, 3)).toEqual(upTo(last));
    expect(await follow('', 3)).toEqual(upTo(last, 3));
    expect(await follow('', '')).toEqual(upTo(last));
  });

  it.each(['-1', '1.5', 'x', '1e1', '0x1', '+1', '1 2', '１'])(
    'refuses the cursor %s',
    async (cursor) => {
      const { id } = await ended('true');
      const asked = [
        { after: cursor },
        ...(/^[ -~]*$/.test(cursor) ? [{ lastEventId: cursor }] : []),
      ];
      for (const it of asked) {
        const client = await StreamClient.follow(runner, id, it);
        expect(client.status).toBe(400);
        expect(await client.json()).toMatchObject({ code: 'cursor_invalid' });
      }
    },
  );

  it('takes one cursor, and only by GET', async () => {
    const { id } = await ended('true');
    const twice = await ask(runner, 'GET', `/runs/${id}/events?after=1&after=2`);
    expect([twice.status, twice.body.code]).toEqual([400, 'cursor_invalid']);
    const posted = await ask(runner, 'POST', `/runs/${id}/events`);
    expect([posted.status, posted.body.code]).toEqual([405, 'method_not_allowed']);
    expect(posted.headers.get('allow')).toContain('GET');
  });

  it('gives the headers alone to who asks for them, who follows nothing', async () => {
    const live = await StreamClient.open(runner, { user_prompt: 'echo up; sleep 3600' });
    await live.waitFor(({ data }) => data === 'up');
    const id = live.response.headers.location!.slice('/runs/'.length);
    const path = `/runs/${id}/events`;
    const head = await ask(runner, 'HEAD', path);
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect((await ask(runner, 'HEAD', `${path}?after=99`)).status).toBe(400);
    expect((await ask(runner, 'HEAD', '/runs/none/events')).status).toBe(404);
    expect(await getRun(runner, id)).toMatchObject({ state: 'running' });
    await cancelRun(runner, id);
    await live.exit();
  });

  it('goes on with a live run from every event, and ends with it', async () => {
    const gate = new Gate(runner, 'live');
    const id = await startRun(runner, {
      user_prompt: `echo one; echo two; ${gate.wait}; echo three`,
    });
    const first = await StreamClient.follow(runner, id);
    await first.waitFor(({ data }) => data === 'two');
    const others = await Promise.all(
      [0, 1, 2, 3].map((after) => StreamClient.follow(runner, id, { after })),
    );
    const tooFar = await StreamClient.follow(runner, id, { after: 4 });
    expect(await tooFar.json()).toMatchObject({ code: 'cursor_unknown' });
    gate.open();
    await first.exit();
    expect(first.ids).toEqual(upTo(5));
    for (const [after, client] of others.entries()) {
      expect(await client.all()).toEqual(first.events.slice(after));
    }
  });

  it('gives every id once to followers who come and go while the agent writes', async () => {
    const random = printedRandomNumbers();
    const gate = new Gate(runner, 'write');
    const id = await startRun(runner, {
      user_prompt: `i=0; until [ -e ${gate.path} ]; do seq -f $i-%g 40; i=$((i+1)); sleep 0.03; done`,
    });
    let returns = 0;
    const comeAndGo = async (): Promise<string[]> => {
      const seen: string[] = [];
      for (let last = 0; ;) {
        const cursor = random() < 0.5 ? { after: last } : { lastEventId: last };
        const client = await StreamClient.follow(runner, id, cursor);
        // It may have had all but the end, and then there is an end to get.
        expect(client.status).toBe(200);
        const enough = 1 + Math.floor(random() ** 3 * 400);
        const isOver = await client
          .waitFor(({ event }) => event === 'runner.exit' || client.events.length >= enough)
          .then(({ event }) => event === 'runner.exit');
        client.abort();
        seen.push(...client.events.map((it) => `${it.id} ${it.event} ${it.data}`));
        last = Number(client.events.at(-1)!.id);
        returns += 1;
        if (returns === 300) gate.open();
        if (isOver || client.events.at(-1)!.event === 'runner.exit') return seen;
      }
    };
    const all = await Promise.all(Array.from({ length: 12 }, comeAndGo));
    const whole = await (await StreamClient.follow(runner, id)).all();
    expect(whole.map((it) => Number(it.id))).toEqual(upTo(whole.length));
    const expected = whole.map((it) => `${it.id} ${it.event} ${it.data}`);
    for (const seen of all) expect(seen).toEqual(expected);
    const lines = whole.filter(({ event }) => event === 'agent').map(({ data }) => data);
    expect(lines).toEqual(lines.map((_, index) => `${Math.floor(index / 40)}-${(index % 40) + 1}`));
    expect(returns).toBeGreaterThanOrEqual(300);
  });

  it('has the log of a run whose preparation failed, which is its end alone', async () => {
    const session_id = 'spoilt';
    const spoil = await startRun(runner, {
      user_prompt: 'rmdir outputs; echo x > outputs',
      session_id,
    });
    await untilState(runner, spoil, 'completed');
    const answer = await ask(runner, 'POST', '/run', { body: { user_prompt: 'true', session_id } });
    expect([answer.status, answer.body.code]).toEqual([500, 'workspace_failed']);
    const { run_id: id } = answer.body;
    expect(answer.headers.get('location')).toBe(`/runs/${id}`);
    const client = await StreamClient.follow(runner, id);
    expect(await client.exit()).toEqual({
      run_id: id,
      session_id,
      reason: 'failed',
      return_code: null,
      code: 'workspace_failed',
      detail: answer.body.detail,
      killed: false,
      survivors: 0,
      outcome: 'failed',
      error: null,
      result_text: null,
      usage: null,
      files: null,
    });
    expect(client.ids).toEqual([1]);
    expect((await StreamClient.follow(runner, id, { after: 1 })).status).toBe(204);
  });
});

describe('notices', () => {
  it('carry the id of the last event that the connection has seen', async () => {
    const runner = await Runner.start({
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1',
      FERMILINK_RUNNER_DRAIN_SECONDS: '20',
    });
    const [first, second] = [new Gate(runner, 'first'), new Gate(runner, 'second')];
    await startRun(runner, { user_prompt: first.wait });
    const id = await startRun(runner, { user_prompt: `seq 8; ${second.wait}` });
    const early = await StreamClient.follow(runner, id);
    const place = await early.waitFor(({ event }) => event === 'queued');
    expect(place.id).toBe('0');
    expect(JSON.parse(place.data)).toEqual({ run_id: id, position: 1, pending_total: 1 });
    first.open();
    await early.waitFor(({ data }) => data === '8');
    const late = await StreamClient.follow(runner, id, { after: 5 });
    await late.waitFor(({ data }) => data === '8');
    expect((await getRun(runner, id)).last_event_id).toBe(9);

    runner.process.kill('SIGTERM');
    for (const client of [early, late]) {
      const notice = await client.waitFor(({ event }) => event === 'shutdown');
      expect(notice.id).toBe('9');
      expect(JSON.parse(notice.data)).toEqual({ drain_seconds: 20 });
    }
    // Those that come now are told at once, before they get what they lack.
    const [atEnd, behind] = await Promise.all(
      [9, 4].map((after) => StreamClient.follow(runner, id, { after })),
    );
    expect((await atEnd!.waitFor(({ event }) => event === 'shutdown')).id).toBe('9');
    await behind!.waitFor(({ event }) => event === 'shutdown');
    await behind!.waitFor(({ data }) => data === '8');
    const ids = behind!.events.map(({ id: it }) => Number(it));
    // Whoever remembers the last id that came has missed nothing.
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    second.open();
    for (const [client, after] of [
      [early, 0],
      [late, 5],
      [atEnd!, 9],
      [behind!, 4],
    ] as const) {
      expect(await client.exit()).toMatchObject({ reason: 'completed' });
      expect(client.ids).toEqual(upTo(10, after));
    }
    await runner.stop();
  });
});

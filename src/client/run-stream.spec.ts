import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import {
  RunnerArgumentError,
  RunnerClient,
  RunnerProblem,
  RunnerProtocolError,
  RunnerUnreachable,
} from './index.js';
import type { RunEvent, RunOptions } from './index.js';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const EXIT = { run_id: 'r1', session_id: 's1', reason: 'completed', return_code: 0 };
const OPENING = 'id: 0\nretry: 1\n\n';
const META = 'id: 1\nevent: meta\ndata: {"run_id":"r1","session_id":"s1"}\n\n';
const END = `id: 3\nevent: runner.exit\ndata: ${JSON.stringify(EXIT)}\n\n`;
const agent = (id: number, line: string) => `id: ${id}\nevent: agent\ndata: ${line}\n\n`;

/** A stream that ends, or breaks where the last part is null. */
const stream =
  (...parts: (string | null)[]): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', location: '/runs/r1' });
    for (const part of parts) {
      // What was written goes out before the connection breaks.
      if (part === null) return setTimeout(() => response.destroy(), 20);
      response.write(part);
    }
    return response.end();
  };
const problem =
  (status: number, body: object, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers });
    response.end(JSON.stringify(body));
  };
const breaks: Answer = (response) => response.destroy();
const silent: Answer = () => undefined;
/** An answer that never ends. */
const flood =
  (status: number, type: string, opening: string, part: string): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': type, location: '/runs/r1' });
    response.write(opening);
    const bytes = Buffer.from(part.repeat(Math.ceil(2 ** 18 / part.length)));
    const more = () => {
      while (!response.destroyed && response.write(bytes));
    };
    response.on('drain', more);
    more();
  };

describe('a client whose server', () => {
  let server: Server;
  let answers: Answer[];
  let asked: { method: string; url: string; key?: string; cursor?: string; body: string }[];
  let open: Set<ServerResponse>;
  /** Whether it is there, for who asks that alone. */
  let alive: Answer;
  let probes: number;

  beforeEach(async () => {
    answers = [];
    asked = [];
    alive = silent;
    probes = 0;
    open = new Set();
    server = createServer((request, response) => {
      open.add(response);
      response.on('close', () => open.delete(response));
      let body = '';
      request.setEncoding('utf8').on('data', (part: string) => (body += part));
      request.on('end', () => {
        if (request.url === '/health/live') {
          probes += 1;
          return alive(response, request);
        }
        asked.push({
          method: request.method!,
          url: request.url!,
          key: request.headers['idempotency-key'] as string | undefined,
          cursor: request.headers['last-event-id'] as string | undefined,
          body,
        });
        (answers.shift() ?? breaks)(response, request);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const client = (options: Partial<ConstructorParameters<typeof RunnerClient>[0]> = {}) =>
    new RunnerClient({
      baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      ...options,
    });
  function run(options: RunOptions = {}) {
    const reconnect = { delayMs: 1, giveUpSeconds: 5, connectSeconds: 5, ...options.reconnect };
    return client().run({ user_prompt: 'x' }, { ...options, reconnect });
  }
  async function taken(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
    const all: RunEvent[] = [];
    for await (const event of events) all.push(event);
    return all;
  }
  const closed = async () => {
    while (open.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const shown = (events: RunEvent[]) => events.map(({ event, id }) => `${id} ${event}`);

  it('sends all at once gives typed events and the end', async () => {
    answers = [stream(OPENING, META, agent(2, '{"a":1}'), END)];
    const following = run();
    const events = await taken(following);
    expect(events).toEqual([
      { event: 'meta', id: 1, data: { run_id: 'r1', session_id: 's1' } },
      { event: 'agent', id: 2, data: '{"a":1}' },
      { event: 'runner.exit', id: 3, data: EXIT },
    ]);
    expect(following).toMatchObject({ runId: 'r1', lastEventId: 3, exit: EXIT });
    await expect(following.finished).resolves.toEqual(EXIT);
    expect(asked).toEqual([
      {
        method: 'POST',
        url: '/run',
        key: expect.stringMatching(/^[0-9a-f]{32}$/),
        cursor: undefined,
        body: '{"user_prompt":"x"}',
      },
    ]);
  });

  it('breaks in the middle of an event is asked again behind the last whole one', async () => {
    const half = agent(2, 'line');
    answers = [
      stream(OPENING, META, half.slice(0, -1), null),
      stream('id: 1\n\n', half.slice(0, 9), null),
      stream('id: 1\n\n', half, null),
      stream('id: 2\n\n', END),
    ];
    expect(shown(await taken(run()))).toEqual(['1 meta', '2 agent', '3 runner.exit']);
    expect(asked.slice(1).map(({ method, url, cursor }) => ({ method, url, cursor }))).toEqual([
      { method: 'GET', url: '/runs/r1/events', cursor: '1' },
      { method: 'GET', url: '/runs/r1/events', cursor: '1' },
      { method: 'GET', url: '/runs/r1/events', cursor: '2' },
    ]);
  });

  it('breaks before it has answered is asked again with the same key, and makes one run', async () => {
    answers = [breaks, breaks, stream(META, END)];
    await taken(run());
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual(Array(3).fill('POST /run'));
    expect(new Set(asked.map(({ key }) => key)).size).toBe(1);
  });

  it('hides the name of the run is asked by the key and the last id', async () => {
    const anonymous: Answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(META);
    };
    answers = [anonymous, stream(END)];
    expect(shown(await taken(run({ idempotencyKey: 'mine' })))).toEqual([
      '1 meta',
      '3 runner.exit',
    ]);
    expect(asked.map(({ url, key, cursor }) => [url, key, cursor])).toEqual([
      ['/run', 'mine', undefined],
      ['/run', 'mine', '1'],
    ]);
  });

  it('repeats events shows each of them once', async () => {
    answers = [
      stream(META, agent(2, 'a'), null),
      stream(META, agent(2, 'a'), agent(3, 'b'), END.replace('3', '4')),
    ];
    expect(shown(await taken(run()))).toEqual(['1 meta', '2 agent', '3 agent', '4 runner.exit']);
  });

  it('breaks between the activities of one event shows none of them twice', async () => {
    const part = (id: string, text: string) =>
      `${id}event: activity\ndata: ${JSON.stringify({ type: 'text', text })}\n\n`;
    answers = [
      stream(META, part('', 'a'), null),
      stream(part('', 'a'), part('id: 2\n', 'b'), null),
      stream(END),
    ];
    const events = await taken(run({ view: 'activity' }));
    expect(events.slice(1, -1).map(({ data }) => (data as { text: string }).text)).toEqual([
      'a',
      'b',
    ]);
    expect(asked.map(({ url, cursor }) => `${url} ${cursor}`)).toEqual([
      '/run?view=activity undefined',
      '/runs/r1/events?view=activity 1',
      '/runs/r1/events?view=activity 2',
    ]);
  });

  it('sends notices and events that nobody knows passes them on', async () => {
    answers = [
      stream(
        'id: 0\nevent: queued\ndata: {"run_id":"r1","position":2,"pending_total":3}\n\n',
        ': heartbeat\n\n',
        META,
        'id: 2\nevent: novelty\ndata: what\n\n',
        'id: 2\nevent: shutdown\ndata: {"drain_seconds":5}\n\n',
        END,
      ),
    ];
    const events = await taken(run());
    expect(shown(events)).toEqual(['0 queued', '1 meta', '2 other', '2 shutdown', '3 runner.exit']);
    expect(events[2]).toEqual({ event: 'other', name: 'novelty', id: 2, data: 'what' });
  });

  it('could not write the end down passes it on without an id', async () => {
    answers = [stream(META, END.replace('id: 3\n', ''))];
    expect(shown(await taken(run()))).toEqual(['1 meta', 'null runner.exit']);
  });

  it('has nothing more ends the iteration', async () => {
    answers = [(response) => response.writeHead(204).end()];
    const following = client().follow('r1', { after: 3 });
    expect(await taken(following)).toEqual([]);
    expect(await following.finished).toBeNull();
    expect(asked[0]).toMatchObject({ url: '/runs/r1/events', cursor: '3' });
  });

  it.each([
    [
      'stops, and says when to come back',
      503,
      { code: 'draining', detail: 'd' },
      { 'retry-after': '1' },
    ],
    ['is behind a proxy that does not find it', 502, {}, {}],
    ['is behind a proxy that has waited too long', 504, {}, {}],
  ])('%s is asked again', async (_name, status, body, headers) => {
    const pauses: number[] = [];
    answers = [problem(status, body, headers), stream(META, END)];
    const onRetry = (_cause: unknown, delay: number) => pauses.push(delay);
    expect(await taken(run({ reconnect: { onRetry } }))).toHaveLength(2);
    expect(pauses).toHaveLength(1);
    expect(pauses[0]).toBeGreaterThanOrEqual('retry-after' in headers ? 1000 : 1);
  });

  it.each([
    ['a full disk', 503, { code: 'disk_full', detail: 'Full.' }, {}],
    [
      'a run that has failed',
      503,
      { code: 'disk_full', detail: 'Full.', run_id: 'r9' },
      { 'retry-after': '1' },
    ],
    ['a full queue', 429, { code: 'queue_full', detail: 'Full.' }, { 'retry-after': '7' }],
    ['what it does not know', 404, { code: 'run_not_found', detail: 'No.' }, {}],
  ])('refuses for %s is asked once', async (_name, status, body, headers) => {
    answers = [problem(status, body, headers)];
    const following = run();
    const error = await taken(following).catch((it: unknown) => it);
    expect(error).toBeInstanceOf(RunnerProblem);
    expect(error).toMatchObject({
      name: 'RunnerProblem',
      status,
      code: body.code,
      detail: body.detail,
      message: body.detail,
      errors: [],
      runId: 'run_id' in body ? body.run_id : null,
      retryAfterSeconds: 'retry-after' in headers ? Number(headers['retry-after']) : null,
    });
    await expect(following.finished).rejects.toBe(error);
    expect(asked).toHaveLength(1);
  });

  it('names bad fields gives them, and nothing that only looks like them', async () => {
    const errors = [{ field: 'user_prompt', message: 'm' }, { field: 1 }, null];
    answers = [problem(422, { code: 'invalid_request', detail: 'Bad.', errors })];
    await expect(client().create({ user_prompt: '' })).rejects.toMatchObject({
      errors: [{ field: 'user_prompt', message: 'm' }],
    });
  });

  it('is gone for good is given up, with the cause', async () => {
    answers = [stream(META, null)];
    const following = run({ reconnect: { giveUpSeconds: 0.3 } });
    const error = await taken(following).catch((it: unknown) => it);
    expect(error).toBeInstanceOf(RunnerUnreachable);
    expect((error as Error).message).toBe(
      'The runner has given no sign of the run for 0.3 seconds.',
    );
    expect((error as Error).cause).toBeInstanceOf(RunnerUnreachable);
    expect(asked.length).toBeGreaterThan(2);
  });

  it('opens streams and says nothing in them is given up too', async () => {
    answers = Array.from({ length: 1000 }, () => stream(OPENING, null));
    await expect(taken(run({ reconnect: { giveUpSeconds: 0.3 } }))).rejects.toThrow(
      RunnerUnreachable,
    );
  });

  it('never answered is given up sooner', async () => {
    const reconnect = { connectSeconds: 0.2, giveUpSeconds: 60 };
    await expect(taken(run({ reconnect }))).rejects.toThrow(/not running, or its address/);
  });

  it('takes requests and says nothing is given up as one that is not there', async () => {
    answers = [silent, silent, silent];
    const reconnect = { connectSeconds: 0.3, giveUpSeconds: 600 };
    await expect(taken(run({ reconnect }))).rejects.toThrow(/not running, or its address/);
    await expect(taken(client().follow('r1', { reconnect }))).rejects.toThrow(RunnerUnreachable);
    await closed();
  });

  it('takes requests and says nothing in the middle of a run is given up too', async () => {
    answers = [stream(META, null), ...Array.from({ length: 20 }, () => silent)];
    const reconnect = { giveUpSeconds: 0.3, delayMs: 1 };
    await expect(taken(run({ reconnect }))).rejects.toThrow(/given no sign of the run/);
    await closed();
  });

  it('is there, and prepares a run for longer than it may be away, is waited for', async () => {
    answers = [
      (response, request) => {
        alive = (probe) => {
          probe.writeHead(200).end('{}');
          // By then it has taken more than twice the time in which it would have been given up.
          if (probes === 5) stream(META, END)(response, request);
        };
      },
    ];
    await taken(run({ reconnect: { connectSeconds: 1 } }));
    expect(asked).toHaveLength(1);
    expect(probes).toBe(5);
  });

  it('answers no question is asked for so long as the caller says', async () => {
    answers = [silent, silent, silent];
    alive = (response) => response.end();
    const asking = client({ answerSeconds: 0.2 });
    await expect(asking.get('r1')).rejects.toThrow(RunnerUnreachable);
    await expect(asking.list().next()).rejects.toThrow(RunnerUnreachable);
    await expect(asking.session('s').download('x')).rejects.toThrow(RunnerUnreachable);
    expect(probes).toBe(0);
    await closed();
  });

  it('needs time for what it is to change is waited for while it is there, and no longer', async () => {
    const ends = problem(200, { run_id: 'r1', session_id: 's1', state: 'cancelled' });
    answers = [
      (response, request) => {
        alive = (probe) => {
          probe.end();
          if (probes === 4) ends(response, request);
        };
      },
      silent,
    ];
    const asking = client({ answerSeconds: 0.2 });
    expect(await asking.cancel('r1')).toMatchObject({ state: 'cancelled' });
    alive = silent;
    await expect(asking.cancel('r1')).rejects.toThrow(RunnerUnreachable);
    await closed();
  });

  it('takes an upload for as long as it comes, and waits for nothing behind it', async () => {
    answers = [(response) => response.writeHead(201).end(), silent];
    const parts = (count: number) =>
      new ReadableStream<Uint8Array>({
        async pull(controller) {
          if (count === 0) return controller.close();
          count -= 1;
          await new Promise((resolve) => setTimeout(resolve, 50));
          controller.enqueue(new TextEncoder().encode('part'));
        },
      });
    const session = client({ answerSeconds: 0.3 }).session('s');
    expect(await session.upload('x', parts(20))).toMatchObject({ isNew: true });
    expect(asked[0]!.body).toHaveLength(80);
    await expect(session.upload('x', parts(1))).rejects.toThrow(RunnerUnreachable);
    await closed();
  });

  it('is silent for too long is asked again', async () => {
    answers = [
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream', location: '/runs/r1' });
        response.write(META);
      },
      stream(END),
    ];
    const following = run({ reconnect: { silenceSeconds: 0.3 } });
    expect(shown(await taken(following))).toEqual(['1 meta', '3 runner.exit']);
    expect(open.size).toBe(0);
  });

  it('is not silent while nobody takes what it has sent', async () => {
    let rest!: () => void;
    answers = [
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream', location: '/runs/r1' });
        response.write(META);
        rest = () => response.end(agent(2, 'a') + END);
      },
    ];
    const following = run({ reconnect: { silenceSeconds: 0.3 } });
    for await (const event of following) {
      if (event.event !== 'meta') continue;
      rest();
      await new Promise((resolve) => setTimeout(resolve, 600));
    }
    expect(asked).toHaveLength(1);
  });

  it('asks for a pause before a new connection gets it, and twice as much for the next', async () => {
    const pauses: number[] = [];
    const onRetry = (_cause: unknown, delay: number) => pauses.push(delay);
    answers = [stream('retry: 140\n\n', META, null), breaks, stream(END)];
    await taken(client().run({ user_prompt: 'x' }, { reconnect: { onRetry, giveUpSeconds: 60 } }));
    expect(pauses).toHaveLength(2);
    expect(pauses[0]).toBeGreaterThanOrEqual(140);
    expect(pauses[0]).toBeLessThanOrEqual(210);
    expect(pauses[1]).toBeGreaterThanOrEqual(280);
  });

  it.each([
    ['the same event', agent(1, 'again')],
    ['heartbeats', ': heartbeat\n\n'],
    ['notices', 'id: 1\nevent: queued\ndata: {"run_id":"r1","position":1,"pending_total":1}\n\n'],
  ])(
    'sends %s and goes, again and again, is asked ever more seldom, and given up',
    async (_name, same) => {
      const pauses: number[] = [];
      const onRetry = (_cause: unknown, delay: number) => pauses.push(delay);
      answers = Array.from({ length: 1000 }, () => stream('retry: 1\n\n', META, same));
      const following = client().run(
        { user_prompt: 'x' },
        { reconnect: { onRetry, giveUpSeconds: 2 } },
      );
      await expect(taken(following)).rejects.toThrow(/given no sign of the run/);
      // What the first connection has brought was new.
      const [first, second, third] = pauses;
      expect(first).toBeGreaterThanOrEqual(100);
      expect(second).toBeGreaterThanOrEqual(200);
      expect(third).toBeGreaterThanOrEqual(400);
      expect(asked.length).toBeLessThan(8);
    },
  );

  it('is silent but for its heartbeats, in connections that hold for a while, is there', async () => {
    const beat: Answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', location: '/runs/r1' });
      response.write(OPENING);
      setTimeout(() => response.end(': heartbeat\n\n'), 1100);
    };
    answers = [beat, beat, beat, stream(META, END)];
    // All of them together take longer than it may be away.
    await taken(run({ reconnect: { giveUpSeconds: 2 } }));
    expect(asked).toHaveLength(4);
  });

  it.each<[string, Answer]>([
    ['a page', (response) => response.setHeader('content-type', 'text/html').end('<p>Hello')],
    ['another place', (response) => response.writeHead(302, { location: '/login' }).end()],
    ['an event of another kind', stream('id: 1\nevent: meta\ndata: hello\n\n')],
  ])('answers with %s is no runner', async (_name, answer) => {
    answers = [answer];
    await expect(taken(run())).rejects.toThrow(RunnerProtocolError);
    expect(asked).toHaveLength(1);
  });

  const endless: Answer = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', location: '/runs/r1' });
    response.write(META);
  };

  it('is left by a break has its connection closed at once', async () => {
    answers = [endless];
    const following = run();
    for await (const event of following) if (event.event === 'meta') break;
    await closed();
    expect(await following.finished).toBeNull();
    expect(asked).toHaveLength(1);
  });

  it('sends what nobody can read has its connection closed', async () => {
    answers = [
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream', location: '/runs/r1' });
        response.write(`${META}event: log\ndata: {\n\n`);
      },
    ];
    await expect(taken(run())).rejects.toThrow(RunnerProtocolError);
    await closed();
  });

  it('is left while an event is waited for ends the waiting', async () => {
    answers = [endless];
    const following = run();
    await following.next();
    const waiting = following.next();
    await following.return();
    expect(await waiting).toEqual({ done: true, value: null });
    await closed();
  });

  it('is left by a signal has its connection closed, and the reason is thrown', async () => {
    answers = [endless];
    const leave = new AbortController();
    const following = run({ signal: leave.signal });
    await following.next();
    const waiting = following.next();
    leave.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(following.finished).rejects.toThrow('enough');
    await closed();
  });

  it('is left in a pause between two attempts ends at once', async () => {
    answers = [stream(META, null)];
    const following = run({ reconnect: { delayMs: 60_000, maxDelayMs: 60_000 } });
    await following.next();
    const waiting = following.next();
    await new Promise((resolve) => setTimeout(resolve, 60));
    await following.return();
    expect(await waiting).toEqual({ done: true, value: null });
  });

  it('is left by who cancels then is asked to end the run, also before it has named it', async () => {
    answers = [
      () => undefined,
      problem(202, { run_id: 'r1', session_id: 's1', state: 'running' }),
      problem(200, { state: 'cancelled' }),
    ];
    const following = run({ cancelOnLeave: true, idempotencyKey: 'mine' });
    const waiting = following.next();
    while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await following.return();
    await waiting;
    expect(asked.map(({ method, url, key }) => [method, url, key])).toEqual([
      ['POST', '/run', 'mine'],
      ['POST', '/runs', 'mine'],
      ['POST', '/runs/r1/cancel', undefined],
    ]);
    expect(asked[1]!.body).toBe(asked[0]!.body);
  });

  it('has seen the run end is not asked to cancel it', async () => {
    answers = [stream(META, END)];
    await taken(run({ cancelOnLeave: true }));
    expect(asked).toHaveLength(1);
  });

  it('wants to know who asks is told in every request, with the token of the moment', async () => {
    const seen: unknown[] = [];
    const noting =
      (answer: Answer): Answer =>
      (response, request) => {
        seen.push([request.headers.authorization, request.headers['x-fermilink-user']]);
        answer(response, request);
      };
    answers = [noting(stream(META, null)), noting(stream(END))];
    let number = 0;
    // Node reads the bytes of a header as Latin-1.
    const name = Buffer.from('zoë').toString('latin1');
    await client({ token: async () => `t${++number}`, user: 'zoë' })
      .run({ user_prompt: 'x' }, { reconnect: { delayMs: 1 } })
      .toEnd();
    expect(seen).toEqual([
      ['Bearer t1', name],
      ['Bearer t2', name],
    ]);
  });

  it('refuses without an end is heard no further', async () => {
    answers = [flood(500, 'application/problem+json', '{"detail":"', 'a')];
    await expect(client().get('r1')).rejects.toMatchObject({ status: 500, code: null });
    await closed();
  });

  it('answers without an end is no runner', async () => {
    answers = [flood(200, 'application/json', '{"run_id":"', 'a')];
    await expect(client().get('r1')).rejects.toThrow(RunnerProtocolError);
    await closed();
  });

  it('sends a page in the place of a file is no runner', async () => {
    const page: Answer = (response) =>
      response.setHeader('content-type', 'text/html').end('<p>Hello');
    answers = [page, page];
    await expect(client().session('s').download('f')).rejects.toThrow(RunnerProtocolError);
    await expect(client().session('s').archive()).rejects.toThrow(RunnerProtocolError);
  });

  it('is not asked for what no JSON can hold', async () => {
    const metadata: Record<string, unknown> = {};
    metadata.itself = metadata;
    const request = { user_prompt: 'x', metadata };
    await expect(client().create(request)).rejects.toThrow(RunnerArgumentError);
    await expect(taken(client().run(request))).rejects.toThrow(RunnerArgumentError);
    expect(asked).toEqual([]);
  });

  it('packs an answer without an end is no runner', async () => {
    const packed = gzipSync(Buffer.alloc(65 * 2 ** 20, ' '));
    answers = [
      (response) => {
        const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
        response.writeHead(200, headers).end(packed);
      },
    ];
    await expect(client().policy.get()).rejects.toThrow(RunnerProtocolError);
  });

  it('begins an answer and says no more is not waited for', async () => {
    const begun = (status: number): Answer => {
      return (response) => {
        response.writeHead(status, { 'content-type': 'application/json' }).write('{');
      };
    };
    answers = [begun(200), begun(500)];
    const asking = client({ answerSeconds: 0.2 });
    await expect(asking.get('r1')).rejects.toThrow(RunnerUnreachable);
    await expect(asking.get('r1')).rejects.toMatchObject({ status: 500 });
    await closed();
  });

  it.each([
    ['a line', 'a'],
    ['an event of many lines', 'data: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n'],
    ['an event of many events', 'event: activity\ndata: {"type":"unknown"}\n\n'],
  ])(
    'sends %s without an end is no runner',
    async (_name, part) => {
      answers = [flood(200, 'text/event-stream', META, part)];
      const following = run();
      await following.next();
      await expect(following.next()).rejects.toThrow(RunnerProtocolError);
      await closed();
      expect(asked).toHaveLength(1);
    },
    60_000,
  );

  it.each([
    ['runs', () => client().list()],
    ['entries', () => client().session('s').list()],
    ['commits', () => client().session('s').log()],
  ])('has %s on pages that lead to themselves is no runner', async (member, list) => {
    const page = problem(200, { [member]: [], next_cursor: 'same' });
    answers = [page, page, page];
    await expect(list().next()).rejects.toThrow(RunnerProtocolError);
    expect(asked).toHaveLength(2);
  });

  it('has many runs lists them page by page, as far as they are taken', async () => {
    answers = [
      problem(200, { runs: [{ run_id: 'a' }, { run_id: 'b' }], next_cursor: 'b' }),
      problem(200, { runs: [{ run_id: 'c' }], next_cursor: null }),
    ];
    const ids: string[] = [];
    for await (const { run_id } of client().list({ state: 'running' }, { pageSize: 2 })) {
      ids.push(run_id);
    }
    expect(ids).toEqual(['a', 'b', 'c']);
    expect(asked.map(({ url }) => url)).toEqual([
      '/runs?state=running&limit=2',
      '/runs?state=running&limit=2&cursor=b',
    ]);
  });
});

describe('the address of a runner', () => {
  it.each(['ftp://x', 'http://ada:secret@x', 'x'])('cannot be %s', (baseUrl) => {
    expect(() => new RunnerClient({ baseUrl })).toThrow(TypeError);
  });

  it('goes with a user and a token that a header can hold', async () => {
    const baseUrl = 'http://127.0.0.1:1';
    expect(() => new RunnerClient({ baseUrl, user: 'a\nb' })).toThrow(TypeError);
    await expect(
      new RunnerClient({ baseUrl, token: 'a\r\nX: y' }).run({ user_prompt: 'x' }).next(),
    ).rejects.toThrow('The token must be printable ASCII');
  });

  it('may have a path', async () => {
    const asked: string[] = [];
    const send = (async (url: string) => {
      asked.push(url);
      return Response.json({});
    }) as typeof fetch;
    await new RunnerClient({ baseUrl: 'http://x/runner/', fetch: send }).get('a/b');
    expect(asked).toEqual(['http://x/runner/runs/a%2Fb']);
  });
});

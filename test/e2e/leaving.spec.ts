import { eventually } from '../support/processes.js';
import { Gate, getRun, startRun, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';
import { type RunBody, StreamClient } from '../support/stream-client.js';

const GONE = { state: 'cancelled', reason: 'cancelled', code: 'client_gone' };
/** An agent that writes 20 lines a second for ever. */
const TICKING = 'while :; do echo tick; sleep 0.05; done';

const idOf = (client: StreamClient) => String(client.response.headers.location).slice(6);

/** Waits until a run has written so much more: it goes on. */
async function goesOn(runner: Runner, id: string, events: number): Promise<void> {
  const { last_event_id: before } = await getRun(runner, id);
  const { state } = await eventually(
    () => getRun(runner, id),
    (run) => run.state !== 'running' || run.last_event_id >= before + events,
    60,
  );
  expect(state).toBe('running');
}

describe('a run that its last follower leaves', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_DRAIN_SECONDS: '0' });
  });
  afterAll(() => runner.stop());

  const post = async (more: Partial<RunBody> = {}, key?: string) => {
    const client = await StreamClient.open(
      runner,
      { user_prompt: TICKING, ...more },
      { headers: key === undefined ? {} : { 'idempotency-key': key } },
    );
    await client.waitFor(({ data }) => data === 'tick');
    return client;
  };

  it('is cancelled at once by default after POST /run', async () => {
    const client = await post();
    client.abort();
    expect(await untilState(runner, idOf(client), 'cancelled')).toMatchObject({
      ...GONE,
      return_code: -2,
    });
  });

  it('has 30 s more with an Idempotency-Key: its client may come back', async () => {
    const [plain, keyed] = [await post(), await post({}, 'grace')];
    plain.abort();
    keyed.abort();
    await untilState(runner, idOf(plain), 'cancelled');
    await goesOn(runner, idOf(keyed), 60);
    const back = await StreamClient.open(
      runner,
      { user_prompt: TICKING },
      { headers: { 'idempotency-key': 'grace', 'last-event-id': String(keyed.ids.at(-1)) } },
    );
    expect(idOf(back)).toBe(idOf(keyed));
    await back.waitFor(({ event }) => event === 'agent');
    expect(back.ids[0]).toBe(keyed.ids.at(-1)! + 1);
    back.abort();
  });

  it('goes on where the request says so, and by default after POST /runs', async () => {
    const client = await post({ on_disconnect: 'continue' });
    const created = await startRun(runner, { user_prompt: TICKING });
    const follower = await StreamClient.follow(runner, created);
    await follower.waitFor(({ data }) => data === 'tick');
    client.abort();
    follower.abort();
    await goesOn(runner, idOf(client), 40);
    await goesOn(runner, created, 1);
  });

  it('is not cancelled while a follower of any route is left', async () => {
    const client = await post();
    const id = idOf(client);
    const others = [
      await StreamClient.follow(runner, id),
      await StreamClient.follow(runner, id, { lastEventId: 1 }),
    ];
    for (const other of others) await other.waitFor(({ data }) => data === 'tick');
    client.abort();
    await goesOn(runner, id, 20);
    others[0]!.abort();
    await goesOn(runner, id, 20);
    others[1]!.abort();
    expect(await untilState(runner, id, 'cancelled')).toMatchObject(GONE);
  });

  it('was made by POST /runs with "cancel": the rule begins with its first follower', async () => {
    const id = await startRun(runner, { user_prompt: TICKING, on_disconnect: 'cancel' });
    await untilState(runner, id, 'running');
    await goesOn(runner, id, 40);
    const follower = await StreamClient.follow(runner, id);
    await follower.waitFor(({ data }) => data === 'tick');
    follower.abort();
    expect(await untilState(runner, id, 'cancelled')).toMatchObject(GONE);
  });

  it('has not begun: it leaves the queue', async () => {
    const session_id = 'queued';
    const holder = await startRun(runner, { user_prompt: TICKING, session_id });
    await untilState(runner, holder, 'running');
    const client = await StreamClient.open(runner, { user_prompt: 'true', session_id });
    await client.waitFor(({ event }) => event === 'queued');
    client.abort();
    expect(await untilState(runner, idOf(client), 'cancelled')).toMatchObject({
      ...GONE,
      started_at: null,
      last_event_id: 1,
    });
    expect(await getRun(runner, holder)).toMatchObject({ state: 'running' });
  });
});

describe('the grace that the administrator gives', () => {
  it('begins anew with each last follower, with a key or without', async () => {
    const runner = await Runner.start({
      FERMILINK_RUNNER_DISCONNECT_GRACE_SECONDS: '1',
      FERMILINK_RUNNER_DRAIN_SECONDS: '0',
    });
    const keyed = await StreamClient.open(
      runner,
      { user_prompt: TICKING },
      { headers: { 'idempotency-key': 'k' } },
    );
    let client = await StreamClient.open(runner, { user_prompt: TICKING });
    const id = idOf(client);
    for (let i = 0; i < 3; i += 1) {
      await client.waitFor(({ data }) => data === 'tick');
      const last = client.ids.at(-1)!;
      client.abort();
      client = await StreamClient.follow(runner, id, { lastEventId: last });
      expect(client.status).toBe(200);
      // Longer than the grace, had it gone on.
      await goesOn(runner, id, 30);
    }
    const left = Date.now();
    client.abort();
    keyed.abort();
    for (const it of [id, idOf(keyed)]) {
      const run = await untilState(runner, it, 'cancelled');
      expect(run).toMatchObject(GONE);
      expect(Date.parse(run.ended_at!) - left).toBeGreaterThan(900);
    }
    await runner.stop();
  });
});

describe('a follower that stops reading', () => {
  it('is closed, and its run goes on until it comes back and gets the rest', async () => {
    const runner = await Runner.start({
      FERMILINK_RUNNER_FOLLOWER_TIMEOUT_SECONDS: '1',
      FERMILINK_RUNNER_DRAIN_SECONDS: '0',
    });
    const gate = new Gate(runner, 'end');
    const client = await StreamClient.open(runner, {
      user_prompt: `seq -f '%.0f ${'z'.repeat(1000)}' 1 40000; echo all; ${gate.wait}; echo end`,
    });
    const id = idOf(client);
    await client.waitFor(({ event }) => event === 'agent');
    client.stopReading();
    await runner.logged(({ msg }) => String(msg).includes('accepts nothing'));
    // It was the only follower, and there is no grace; but it was not the one who left.
    const whole = await StreamClient.follow(runner, id);
    await whole.waitFor(({ data }) => data === 'all');
    expect(await getRun(runner, id)).toMatchObject({ state: 'running', code: null });
    client.response.resume();
    await client.all();
    const got = client.ids;
    expect(got.at(-1)).toBeLessThan(40_000);

    const back = await StreamClient.follow(runner, id, { lastEventId: got.at(-1) });
    await back.waitFor(({ data }) => data === 'all');
    gate.open();
    expect(await back.exit()).toMatchObject({ reason: 'completed' });
    const ids = [...got, ...back.ids];
    expect(ids).toEqual(ids.map((_, index) => index + 1));
    await whole.exit();
    expect(ids).toHaveLength(whole.ids.length);
    await runner.stop();
  });
});

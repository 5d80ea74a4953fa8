import { eventually, processesWith } from '../support/processes.js';
import { cancel, createId, look, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

// The machines that run this may be busy.
jest.setTimeout(60_000);

/** Makes the server one of root that may signal nobody else's processes. */
const WITHOUT_KILL = ['setpriv', '--bounding-set=-kill', '--inh-caps=-kill'];
const AS_NOBODY = 'setpriv --reuid=65534 --regid=65534 --clear-groups';

describe('a run whose agent cannot be ended', () => {
  it('answers a cancel with 202 after 10 s, and keeps its session busy until it is gone', async () => {
    const runner = await Runner.start(
      { FERMILINK_RUNNER_DRAIN_SECONDS: '0' },
      undefined,
      WITHOUT_KILL,
    );
    const session_id = 'haunted';
    const mark = `86400.${process.pid}44`;
    const stream = await StreamClient.open(runner, {
      user_prompt: `exec ${AS_NOBODY} sleep ${mark}`,
      session_id,
    });
    const { run_id: id } = JSON.parse(
      (await stream.waitFor(({ event }) => event === 'meta')).data,
    ) as { run_id: string };
    const [agent] = await eventually(
      () => processesWith(`sleep\0${mark}`),
      (pids) => pids.length === 1,
    );
    try {
      const next = await StreamClient.open(runner, { user_prompt: 'echo next', session_id });
      await next.waitFor(({ event }) => event === 'queued');
      const began = performance.now();
      const answer = await cancel(runner, id);
      expect(performance.now() - began).toBeGreaterThan(9900);
      expect(answer.status).toBe(202);
      expect(answer.body).toMatchObject({ run_id: id, state: 'running', reason: null });

      expect(await stream.exit()).toMatchObject({
        reason: 'cancelled',
        code: 'cancel_requested',
        return_code: null,
        killed: true,
        survivors: 1,
      });
      expect(await cancel(runner, id)).toMatchObject({ status: 200, body: { state: 'cancelled' } });
      // The slot is free; the session is not.
      expect(await runner.getJson('/ops/concurrency')).toMatchObject({
        active_total: 0,
        pending_total: 1,
      });
      const elsewhere = await createId(runner, { user_prompt: 'true', session_id: 'elsewhere' });
      await untilState(runner, elsewhere, 'completed');
      expect((await look(runner, String(next.response.headers.location).slice(6))).state).toBe(
        'queued',
      );

      process.kill(agent!, 'SIGKILL');
      expect(await next.exit()).toMatchObject({ reason: 'completed' });
    } finally {
      for (const pid of processesWith(`sleep\0${mark}`)) process.kill(pid, 'SIGKILL');
      await runner.stop();
    }
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually, processesWith } from '../support/processes.js';
import { cancel, createId, look, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

// The machines that run this may be busy.
jest.setTimeout(60_000);

describe('a run whose processes come again and again', () => {
  it('answers a cancel with 202 after 10 s, and keeps its session busy until they are gone', async () => {
    const runner = await Runner.start({ FERMILINK_RUNNER_DRAIN_SECONDS: '0' });
    const session_id = 'haunted';
    const stream = await StreamClient.open(runner, {
      user_prompt: 'echo $FERMILINK_RUN_COOKIE; sleep 3600',
      session_id,
    });
    const { data: cookie } = await stream.waitFor(({ event }) => event === 'agent');
    const { run_id: id } = JSON.parse(stream.dataOf('meta')[0]!);
    // Something outside of the run's tree makes processes that belong to the run.
    const mark = `86400.${process.pid}44`;
    const maker = spawn(
      'sh',
      ['-c', `while :; do FERMILINK_RUN_COOKIE=${cookie} sleep ${mark} & sleep 0.01; done`],
      { stdio: 'ignore', env: { PATH: process.env.PATH } },
    );
    try {
      await eventually(
        () => processesWith(`sleep\0${mark}`),
        (pids) => pids.length > 0,
      );
      const next = await StreamClient.open(runner, { user_prompt: 'echo next', session_id });
      await next.waitFor(({ event }) => event === 'queued');
      const began = performance.now();
      const answer = await cancel(runner, id);
      expect(performance.now() - began).toBeGreaterThan(9900);
      expect(answer.status).toBe(202);
      expect(answer.body).toMatchObject({ run_id: id, state: 'running', reason: null });

      const exit = await stream.exit();
      expect(exit).toMatchObject({ reason: 'cancelled', code: 'cancel_requested', killed: true });
      expect(exit.survivors).toBeGreaterThan(0);
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

      maker.kill('SIGKILL');
      await once(maker, 'exit');
      expect(await next.exit()).toMatchObject({ reason: 'completed' });
      expect(processesWith(`sleep\0${mark}`)).toEqual([]);
    } finally {
      maker.kill('SIGKILL');
      for (const pid of processesWith(`sleep\0${mark}`)) process.kill(pid, 'SIGKILL');
      await runner.stop();
    }
  });
});

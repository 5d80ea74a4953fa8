import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inTurn } from '../../support/model-server/script.js';
import { environmentOf, eventually, processesWith } from '../../support/processes.js';
import { RUN_COOKIE_VARIABLE } from '../../../src/run/proc.js';
import { cancelRun } from '../../support/runs.js';
import { LIMIT_SECONDS, type Workbench } from '../workbench.js';

const BYPASS = { sandbox_policy: 'bypass' };

/** A command that no other has, and how its processes are found. */
function sleeper() {
  const seconds = `86399.${randomInt(1e9)}`;
  return { sleep: `sleep ${seconds}`, pids: () => processesWith(`sleep\0${seconds}`) };
}

/** Cancelled while a tool runs and a child of it sleeps in its own session. */
export function cancelOf(bench: () => Workbench): void {
  it('leaves no process when it is cancelled', async () => {
    const { model, runner } = bench();
    const { sleep, pids } = sleeper();
    bench().setPolicy(BYPASS);
    model.begin(inTurn({ use: { shell: `setsid ${sleep} & ${sleep}` } }));
    const { session } = bench().newSession();
    const { client, runId } = await bench().start({ user_prompt: 'Wait', session_id: session });
    const seen = await eventually(pids, (it) => it.length >= 2, 90);
    for (const pid of seen) expect(environmentOf(pid)).toContain(`${RUN_COOKIE_VARIABLE}=`);
    await cancelRun(runner, runId);
    expect(await client.exit()).toMatchObject({ reason: 'cancelled', survivors: 0 });
    expect(pids()).toEqual([]);
    expect(processesWith(`run-${runId}`)).toEqual([]);
  });
}

export function endingsOf(bench: () => Workbench): void {
  it('leaves no process when the model never answers and its time is up', async () => {
    const { model } = bench();
    model.begin(inTurn('silence'));
    const { client, runId } = await bench().start({
      user_prompt: 'Hello',
      session_id: bench().newSession().session,
      max_runtime_seconds: LIMIT_SECONDS,
    });
    expect(await client.exit()).toMatchObject({ reason: 'timeout', survivors: 0 });
    expect(model.requests.length).toBeGreaterThan(0);
    expect(processesWith(`run-${runId}`)).toEqual([]);
  });

  it('leaves no process when a tool runs and its time is up', async () => {
    const { sleep, pids } = sleeper();
    bench().setPolicy(BYPASS);
    bench().model.begin(inTurn({ use: { shell: `setsid ${sleep} & ${sleep}` } }));
    const { client } = await bench().start({
      user_prompt: 'Wait',
      session_id: bench().newSession().session,
      max_runtime_seconds: LIMIT_SECONDS,
    });
    await eventually(pids, (it) => it.length >= 2, LIMIT_SECONDS);
    expect(await client.exit()).toMatchObject({ reason: 'timeout', survivors: 0 });
    expect(pids()).toEqual([]);
  });

  it('ends what a tool has left in a session of its own', async () => {
    const { model } = bench();
    const { sleep, pids } = sleeper();
    const { session, repo } = bench().newSession();
    bench().setPolicy(BYPASS);
    const alive = join(repo, 'alive');
    const child = `setsid sh -c ': > ${alive}; exec ${sleep}' >/dev/null 2>&1 &`;
    let seen: number[] = [];
    model.begin((_request, number) => {
      if (number === 1) return { use: { shell: `${child} until [ -e ${alive} ]; do :; done` } };
      seen = pids();
      return { say: 'Done.' };
    });
    const { exit } = await bench().talk({ user_prompt: 'Leave something', session_id: session });
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0, survivors: 0 });
    expect(existsSync(alive)).toBe(true);
    expect(seen).toHaveLength(1);
    expect(pids()).toEqual([]);
  });
}

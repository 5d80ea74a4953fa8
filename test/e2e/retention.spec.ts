import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/processes.js';
import { ask, Gate, getRun, postRun, startRun, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

const HOUR_MS = 3_600_000;
/** The server looks every 30 s. */
const SECONDS = 60;

/** Lets a run have ended so many hours ago; its server must not run. */
function age(runner: Runner, id: string, hours: number): void {
  const path = join(runner.runtime, 'ended', `${id}.json`);
  const record = JSON.parse(readFileSync(path, 'utf8'));
  record.endedAt = new Date(Date.now() - hours * HOUR_MS).toISOString();
  writeFileSync(path, JSON.stringify(record));
}

const filesOf = (runner: Runner, id: string) =>
  ['live', 'ended', 'events'].flatMap((folder) =>
    readdirSync(join(runner.runtime, folder)).filter((name) => name.startsWith(id)),
  );

const hasEvents = (runner: Runner, id: string) =>
  existsSync(join(runner.runtime, 'events', `${id}.log`));

describe('what runs leave behind', () => {
  it('goes after its time, and its events before where there is too much', async () => {
    const key = { 'idempotency-key': 'old' };
    const oldBody = { user_prompt: 'echo old', session_id: 'old', user_id: 'old' };
    let byHours = await Runner.start({ FERMILINK_RUNNER_DRAIN_SECONDS: '0' });
    const old = await startRun(byHours, oldBody, key);
    const followed = await startRun(byHours, {
      user_prompt: `seq -f '%.0f ${'f'.repeat(1000)}' 1 20000`,
    });
    const young = await startRun(byHours, { user_prompt: 'echo young' });
    for (const id of [old, followed, young]) await untilState(byHours, id, 'completed');
    await byHours.terminate();
    age(byHours, old, 2.1);
    age(byHours, followed, 2.1);
    age(byHours, young, 1.9);
    byHours = await byHours.startNext({ FERMILINK_RUNNER_RETAIN_RUNS_HOURS: '2' });
    const gate = new Gate(byHours, 'live');
    const live = await startRun(byHours, { user_prompt: `echo up; ${gate.wait}` });
    const reader = await StreamClient.follow(byHours, followed);
    reader.stopReading();

    // 400 KB each; "much" holds most, "little" has the oldest.
    const byBytes = await Runner.start({
      FERMILINK_RUNNER_RETAIN_BYTES: '1500000',
      FERMILINK_RUNNER_DRAIN_SECONDS: '0',
    });
    const filling = async (user_id: string) => {
      const id = await startRun(byBytes, {
        user_id,
        user_prompt: `seq -f '%.0f ${'g'.repeat(1000)}' 1 400`,
      });
      await untilState(byBytes, id, 'completed');
      return id;
    };
    const little = await filling('little');
    const much: string[] = [];
    for (let i = 0; i < 4; i += 1) much.push(await filling('much'));
    const before = await Promise.all(much.map((id) => getRun(byBytes, id)));

    await eventually(
      async () => (await ask(byHours, 'GET', `/runs/${old}`)).status,
      (status) => status === 404,
      SECONDS,
    );
    for (const path of [`/runs/${old}`, `/runs/${old}/events`]) {
      const { status, body } = await ask(byHours, 'GET', path);
      expect([status, body.code]).toEqual([404, 'run_not_found']);
    }
    expect(filesOf(byHours, old)).toEqual([]);
    expect(readdirSync(join(byHours.runtime, 'keys'))).toEqual([]);
    expect(await getRun(byHours, young)).toMatchObject({ state: 'completed' });
    expect(await getRun(byHours, live)).toMatchObject({ state: 'running' });
    const { runs } = (await ask(byHours, 'GET', '/runs')).body;
    expect(runs.map(({ run_id: id }: { run_id: string }) => id)).toEqual([live, young, followed]);
    // One that somebody reads stays until he has it whole.
    reader.response.resume();
    expect(await reader.exit()).toMatchObject({ reason: 'completed' });
    expect(reader.ids).toHaveLength(20_002);
    // Its key is free for another run.
    const again = await postRun(byHours, { ...oldBody, user_prompt: 'echo new' }, key);
    expect(again.status).toBe(202);
    expect(again.body.run_id).not.toBe(old);

    // Nobody may follow meanwhile: that would keep them.
    await eventually(
      () => much.slice(0, 2).filter((id) => hasEvents(byBytes, id)),
      (kept) => kept.length === 0,
      SECONDS,
    );
    for (const [index, id] of much.slice(0, 2).entries()) {
      for (const after of [0, 1, 402]) {
        const answer = await StreamClient.follow(byBytes, id, { after });
        expect(answer.status).toBe(410);
        expect(await answer.json()).toMatchObject({ code: 'cursor_expired' });
      }
      expect(await getRun(byBytes, id)).toEqual(before[index]);
    }
    // No more goes than has to, and not from the one who holds little.
    for (const id of [little, ...much.slice(2)]) {
      const stream = await StreamClient.follow(byBytes, id);
      await stream.exit();
      expect(stream.ids).toHaveLength(402);
    }
    gate.open();
    await untilState(byHours, live, 'completed');
    await Promise.all([byHours.stop(), byBytes.stop()]);
  }, 150_000);
});

import { request } from 'node:http';
import { connect } from 'node:net';
import { descriptorsOf, eventually, processesWith } from '../support/processes.js';
import { printedRandomNumbers } from '../support/random.js';
import { Runner } from '../support/runner.js';
import { untilIdle } from '../support/runs.js';

const CLIENTS = 1000;
const AT_ONCE = 60;

describe('1,000 clients that disconnect at random moments', () => {
  it('leave no slot, no waiter, no process and no descriptor behind', async () => {
    const random = printedRandomNumbers();
    const mark = `86400.${process.pid}55`;
    const runner = await Runner.start({
      FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '20',
      FERMILINK_RUNNER_PER_USER_CONCURRENT_RUNS: '4',
    });
    const seen = { queued: 0, silent: 0, streaming: 0, refused: 0 };

    /**
     * Sends a request and breaks the connection: after a random time, whatever has come by then, or a
     * random time after it was told its place or has got its first event.
     */
    const comeAndGo = async () => {
      const until = [null, 'event: queued', 'event: meta'][Math.floor(random() * 3)]!;
      const wait = random() ** 2 * 200;
      let text = '';
      let status = 0;
      await new Promise<void>((resolve) => {
        const outgoing = request(`${runner.url}/run`, {
          method: 'POST',
          agent: false,
          headers: { 'content-type': 'application/json' },
        });
        const leave = () => setTimeout(() => outgoing.destroy(), wait);
        outgoing.on('error', () => undefined);
        outgoing.on('close', resolve);
        outgoing.on('response', (response) => {
          status = response.statusCode ?? 0;
          response.on('error', () => undefined);
          response.on('close', resolve);
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString();
            if (until !== null && /event: (meta|queued)/.test(text)) {
              if (text.includes(until) || until === 'event: queued') leave();
            }
          });
        });
        outgoing.end(
          JSON.stringify({
            user_prompt: `echo up; setsid sleep ${mark} & sleep ${mark}`,
            user_id: `user-${Math.floor(random() * 12)}`,
            session_id: `session-${Math.floor(random() * 200)}`,
          }),
        );
        if (until === null) leave();
      });
      if (status >= 400) seen.refused += 1;
      else if (text.includes('event: meta')) seen.streaming += 1;
      else if (text.includes('event: queued')) seen.queued += 1;
      else seen.silent += 1;
    };
    const clients = async (count: number) => {
      let left = count;
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          while (left > 0) {
            left -= 1;
            await comeAndGo();
          }
        }),
      );
      await untilIdle(runner, 60);
    };

    await clients(100);
    // Sockets that were broken go a moment later; what is left then is what a server has at rest.
    let last = -1;
    const before = await eventually(
      () => descriptorsOf(runner.pid),
      (now) => {
        const isStable = now === last;
        last = now;
        return isStable;
      },
    );
    await clients(CLIENTS);
    expect(processesWith(mark)).toEqual([]);
    // The connection that asks is one itself.
    await eventually(
      () => descriptorsOf(runner.pid),
      (now) => now <= before + 1,
    );
    console.log(JSON.stringify(seen));
    for (const count of [seen.queued, seen.silent, seen.streaming])
      expect(count).toBeGreaterThan(10);
    const text = await (await fetch(`${runner.url}/metrics`)).text();
    expect(text).toMatch(/runner_active_runs 0\n/);
    expect(runner.stderr).toBe('');
    expect(await runner.stop()).toBe(0);
  }, 120_000);
});

describe('a client that sends many requests behind each other and breaks the connection', () => {
  it('ends all of their runs, without a word on stderr', async () => {
    const mark = `86400.${process.pid}56`;
    const runner = await Runner.start();
    const body = (index: number) =>
      JSON.stringify({ user_prompt: `sleep ${mark}`, session_id: `pipelined-${index}` });
    const requests = Array.from({ length: 20 }, (_, index) => {
      const text = body(index);
      return (
        'POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n' +
        `Content-Length: ${text.length}\r\n\r\n${text}`
      );
    });
    const socket = connect(Number(new URL(runner.url).port), '127.0.0.1');
    socket.write(requests.join(''));
    await eventually(
      () => runner.getJson('/ops/concurrency'),
      (it) => it.active_total === 20,
    );
    socket.destroy();
    await untilIdle(runner);
    expect(processesWith(mark)).toEqual([]);
    expect(runner.stderr).toBe('');
    await runner.stop();
  });
});

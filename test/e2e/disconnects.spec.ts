import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { descriptorsOf, eventually, memoryOf, processesWith } from '../support/processes.js';
import { printedRandomNumbers } from '../support/random.js';
import { Runner } from '../support/runner.js';
import { startRun, untilIdle, untilState } from '../support/runs.js';

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
  }, 240_000);
});

describe('a client that sends many requests behind each other and breaks the connection', () => {
  it('ends what it has begun and begins no more, without a word on stderr', async () => {
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
      (it) => it.active_total === 1,
    );
    socket.destroy();
    await untilIdle(runner);
    // An answer has to wait for those before it, and so does its request.
    expect((await runner.getJson('/runs')).runs).toHaveLength(1);
    expect(processesWith(mark)).toEqual([]);
    expect(runner.stderr).toBe('');
    await runner.stop();
  });

  it('does no harm in any moment of a replay', async () => {
    const runner = await Runner.start();
    const live = await startRun(runner, { user_prompt: 'sleep 3600' });
    const ended = await startRun(runner, { user_prompt: 'yes 0123456789 | head -c 1000000' });
    await untilState(runner, ended, 'completed');
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    for (let round = 0; round < 40; round += 1) {
      const paths = [`/runs/${ended}/events`, `/runs/${live}/events`, `/runs/${ended}/events`];
      const socket = connect(Number(new URL(runner.url).port), '127.0.0.1');
      socket.on('error', () => undefined);
      // Some behind a stream that goes on, some at the head of the line.
      socket.write(
        paths
          .slice(round % 2)
          .map(get)
          .join(''),
      );
      await pause(round % 10);
      socket.destroy();
    }
    expect((await fetch(`${runner.url}/health/live`)).status).toBe(200);
    expect(runner.stderr).toBe('');
    await runner.stop();
  });
});

describe('a client that asks for the connection to be closed', () => {
  it('sees it closed behind the stream', async () => {
    const runner = await Runner.start();
    const id = await startRun(runner, { user_prompt: 'echo here' });
    await untilState(runner, id, 'completed');
    const socket = connect(Number(new URL(runner.url).port), '127.0.0.1');
    socket.write(`GET /runs/${id}/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await once(socket, 'end');
    expect(text).toContain('event: runner.exit');
    await runner.stop();
  });
});

describe('clients that do nothing', () => {
  it('are cut off, before their first request and behind an answer that they have not taken', async () => {
    const runner = await Runner.start({ FERMILINK_RUNNER_FOLLOWER_TIMEOUT_SECONDS: '2' });
    const id = await startRun(runner, { user_prompt: 'yes 0123456789 | head -c 3000000' });
    await untilState(runner, id, 'completed');
    const idle = descriptorsOf(runner.pid);
    const sockets = Array.from({ length: 12 }, (_, index) => {
      const socket = connect(Number(new URL(runner.url).port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.pause();
      if (index > 5) socket.write(`GET /runs/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      return socket;
    });
    await eventually(
      () => descriptorsOf(runner.pid),
      (count) => count >= idle + sockets.length,
    );
    await eventually(
      () => descriptorsOf(runner.pid),
      (count) => count <= idle,
      30,
    );
    for (const socket of sockets) socket.destroy();
    await runner.stop();
  }, 240_000);
});

describe('clients that ask for much and read nothing', () => {
  it('cost little memory, and are cut off', async () => {
    const runner = await Runner.start({ FERMILINK_RUNNER_FOLLOWER_TIMEOUT_SECONDS: '2' });
    const metadata = { text: 'x'.repeat(4000) };
    const ids = await Promise.all(
      Array.from({ length: 150 }, (_, index) =>
        startRun(runner, {
          user_prompt: 'true',
          session_id: `s${index % 5}`,
          metadata,
          user_id: `u${index}`,
        }),
      ),
    );
    await untilIdle(runner, 60);
    expect(ids).toHaveLength(150);
    await (await fetch(`${runner.url}/runs?limit=200`)).text();
    const before = memoryOf(runner.pid);
    const idle = descriptorsOf(runner.pid);
    const request = 'GET /runs?limit=200 HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const sockets = Array.from({ length: 10 }, () => {
      const socket = connect(Number(new URL(runner.url).port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.pause();
      socket.write(request.repeat(60));
      return socket;
    });
    await eventually(
      () => descriptorsOf(runner.pid),
      (count) => count >= idle + sockets.length,
    );
    let peak = before;
    await eventually(
      () => {
        peak = Math.max(peak, memoryOf(runner.pid));
        return descriptorsOf(runner.pid);
      },
      (count) => count <= idle,
      30,
    );
    expect(peak - before).toBeLessThan(200 * 1024 * 1024);
    for (const socket of sockets) socket.destroy();
    await runner.stop();
  }, 240_000);
});

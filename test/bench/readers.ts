import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { descriptorsOf } from '../support/processes.js';
import { type BenchCase, times } from './bench-case.js';
import { warmPageCache } from './page-cache.js';
import { ServerProcess } from './server-process.js';
import { readStream } from './stream-reader.js';
import { cpuOf, readLines, requireLines } from './streams.js';

const MIB = 1024 * 1024;

interface RunState {
  ended_at: string | null;
  last_event_id: number;
}

/** Starts a run that nobody follows. */
async function startDetached(server: ServerProcess, prompt: string): Promise<string> {
  const response = await fetch(`${server.url}/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user_prompt: prompt }),
  });
  return ((await response.json()) as { run_id: string }).run_id;
}

async function untilEnded(server: ServerProcess, runId: string): Promise<RunState> {
  for (;;) {
    const run = await server.getJson<RunState>(`/runs/${runId}`);
    if (run.ended_at !== null) return run;
    await pause(10);
  }
}

const nearTheEnd: BenchCase = {
  targets: [{ name: 'resume near the end of a log of 1 GiB: first event', unit: 'ms', most: 50 }],
  rounds: 5,
  open: async (form) => {
    const lines = form === 'full' ? 1_100_000 : 10_000;
    const product = await ServerProcess.product();
    const runId = await startDetached(product, `lines ${lines} 1000`);
    const { last_event_id: last } = await untilEnded(product, runId);
    return {
      round: async () => {
        const behind = last - 101;
        // The events are `meta`, the lines, and the end.
        const facts = await readStream(`${product.url}/runs/${runId}/events?after=${behind}`, {
          method: 'GET',
          firstLine: behind,
        });
        requireLines(facts, 100);
        return [{ floor: null, product: facts.firstMs }];
      },
      close: () => product.stop(),
    };
  },
};

const manyFollowers: BenchCase = {
  targets: [
    { name: '50 followers of 2,000 events/s: CPU, of one core', unit: '%', most: 100 },
    { name: '50 followers of 2,000 events/s: furthest behind', unit: 'ms', most: 1000 },
  ],
  rounds: 5,
  open: async (form) => {
    const seconds = form === 'full' ? 10 : 1;
    const product = await ServerProcess.product();
    return {
      round: async () => {
        const began = performance.now();
        let most = 0;
        const onLine = (written: string) => {
          most = Math.max(most, Date.now() - Number(written) * 1000);
        };
        const cpu = await cpuOf(product, async () => {
          const runId = await startDetached(product, `rate 2000 ${seconds}`);
          const url = `${product.url}/runs/${runId}/events`;
          const followers = Array.from({ length: 50 }, () =>
            readStream(url, { method: 'GET', onLine }),
          );
          for (const facts of await Promise.all(followers)) requireLines(facts, 2000 * seconds);
        });
        const share = cpu / ((performance.now() - began) / 1000);
        return [
          { floor: null, product: share * 100 },
          { floor: null, product: most },
        ];
      },
      close: () => product.stop(),
    };
  },
};

const noReader: BenchCase = {
  targets: [
    {
      name: 'a client that reads nothing of 500 MB: memory',
      unit: 'MiB',
      most: 32,
      reference: 556,
    },
    { name: 'and the time that its agent takes', unit: 's', most: 2 },
  ],
  rounds: 3,
  open: async (form) => {
    const lines = form === 'full' ? 500_000 : 5_000;
    const [floor, product] = [await ServerProcess.floor(), await ServerProcess.product()];
    for (const server of [floor, product]) await readLines(server, lines, 1000);
    return {
      round: async () => {
        // The floor cannot leave a reader waiting: there the agent waits too.
        const least = await readLines(floor, lines, 1000);
        await pause(1000);
        warmPageCache(1.2 * lines * 1000);
        product.resetPeakMemory();
        const idle = product.peakMemory();
        const began = performance.now();
        const runId = await startDetached(product, `lines ${lines} 1000`);
        const { port } = new URL(product.url);
        const socket = connect(Number(port), '127.0.0.1');
        await once(socket, 'connect');
        socket.pause();
        socket.write(`GET /runs/${runId}/events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
        const { last_event_id: last } = await untilEnded(product, runId);
        const seconds = (performance.now() - began) / 1000;
        if (last !== lines + 2) throw new Error(`the run has ${last} events`);
        socket.destroy();
        return [
          { floor: null, product: (product.peakMemory() - idle) / MIB },
          { floor: least.totalMs / 1000, product: seconds },
        ];
      },
      close: async () => void (await Promise.all([floor.stop(), product.stop()])),
    };
  },
};

const silentRuns: BenchCase = {
  targets: [
    { name: '200 silent runs: memory each', unit: 'KiB', most: 150 },
    { name: '200 silent runs: descriptors each, without the client', unit: '', most: 3 },
    { name: '200 silent runs: CPU, of one core', unit: '%', most: 2 },
  ],
  rounds: 3,
  open: async (form) => {
    const count = form === 'full' ? 200 : 20;
    const seconds = form === 'full' ? 20 : 1;
    return {
      // A server for each round, so that every round finds the same heap.
      round: async () => {
        const product = await ServerProcess.product();
        const url = `${product.url}/run`;
        const readAll = (prompt: string, onFirst?: () => void) =>
          Promise.all(
            Array.from({ length: count }, () =>
              readStream(url, { body: { user_prompt: prompt }, onFirst }),
            ),
          );
        await times(2, () => readAll('once'));
        await pause(2000);
        product.resetPeakMemory();
        const idle = { memory: product.peakMemory(), descriptors: descriptorsOf(product.pid) };
        let started = 0;
        const runs = readAll(`silent ${seconds + 10}`, () => (started += 1));
        while (started < count) await pause(10);
        await pause(1000);
        const descriptors = descriptorsOf(product.pid) - idle.descriptors;
        const cpu = await cpuOf(product, () => pause(seconds * 1000));
        const memory = product.peakMemory() - idle.memory;
        await runs;
        await product.stop();
        return [
          { floor: null, product: memory / 1024 / count },
          { floor: null, product: descriptors / count - 1 },
          { floor: null, product: (cpu / seconds) * 100 },
        ];
      },
      close: async () => undefined,
    };
  },
};

export const READERS: BenchCase[] = [nearTheEnd, manyFollowers, noReader, silentRuns];

import { setTimeout as pause } from 'node:timers/promises';
import { descriptorsOf } from '../support/processes.js';
import { cpuOf, eventsOf, followRun, runAgent, startDetached, untilEnded } from './agent-runs.js';
import { type AgentTask, linesOf, ONE_LINE, silentFor, timedLines } from './agent-task.js';
import { type BenchCase, times } from './bench-case.js';
import { warmPageCache } from './page-cache.js';
import { ServerProcess } from './server-process.js';
import { readStream } from './stream-reader.js';

const MIB = 1024 * 1024;

const nearTheEnd: BenchCase = {
  targets: [{ name: 'resume near the end of a log of 1 GiB: first event', unit: 'ms', most: 50 }],
  rounds: 5,
  open: async (form) => {
    const width = 1000;
    const task = linesOf(form === 'full' ? 1_100_000 : 10_000, width);
    const product = await ServerProcess.product();
    const runId = await startDetached(product, task);
    const last = await untilEnded(product, runId, task);
    return {
      round: async () => {
        const behind = last - 101;
        // The events are `meta`, the lines, and the end.
        const facts = await readStream(`${eventsOf(product, runId)}?after=${behind}`, {
          lines: 100,
          bytes: 100 * width,
          firstLine: behind,
          firstId: behind + 1,
        });
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
    const task = timedLines(2000, form === 'full' ? 10 : 1);
    const product = await ServerProcess.product();
    return {
      round: async () => {
        const began = performance.now();
        let most = 0;
        const onLine = (written: string) => {
          most = Math.max(most, Date.now() - Number(written) * 1000);
        };
        const [cpu] = await cpuOf(product, async () => {
          const runId = await startDetached(product, task);
          const follow = () => followRun(product, runId, task, { onLine });
          await Promise.all(Array.from({ length: 50 }, follow));
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
    { name: 'and the time that its agent takes', unit: 's', mostRatio: 2 },
  ],
  rounds: 3,
  open: async (form) => {
    // More than the sockets hold by themselves, also in the quick form.
    const task = linesOf(form === 'full' ? 500_000 : 20_000, 1000);
    const floor = await ServerProcess.floor();
    await runAgent(floor, task);
    return {
      round: async () => {
        // The floor cannot leave a reader waiting: there the agent waits too.
        const least = await runAgent(floor, task);
        // A server for each round: one that has sent as much before would have that memory already.
        const product = await ServerProcess.product();
        await times(5, () => runAgent(product, ONE_LINE));
        warmPageCache(1.2 * task.bytes);
        await pause(1000);
        product.resetPeakMemory();
        const idle = product.peakMemory();
        const began = performance.now();
        const runId = await startDetached(product, task);
        const ended = untilEnded(product, runId, task).then(() => ({
          seconds: (performance.now() - began) / 1000,
          memory: product.peakMemory() - idle,
        }));
        const [{ seconds, memory }] = await Promise.all([
          ended,
          followRun(product, runId, task, { readAfter: ended }),
        ]);
        await product.stop();
        return [
          { floor: null, product: memory / MIB },
          { floor: least.totalMs / 1000, product: seconds },
        ];
      },
      close: () => floor.stop(),
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
        const readAll = (task: AgentTask, onFirst?: () => void) =>
          Promise.all(Array.from({ length: count }, () => runAgent(product, task, { onFirst })));
        await times(2, () => readAll(ONE_LINE));
        await pause(2000);
        product.resetPeakMemory();
        const idle = { memory: product.peakMemory(), descriptors: descriptorsOf(product.pid) };
        let started = 0;
        let runs!: Promise<unknown>;
        const haveStarted = new Promise<void>((resolve) => {
          runs = readAll(silentFor(seconds + 10), () => {
            started += 1;
            if (started === count) resolve();
          });
        });
        await Promise.race([haveStarted, runs]);
        await pause(1000);
        const descriptors = descriptorsOf(product.pid) - idle.descriptors;
        const [cpu] = await cpuOf(product, () => pause(seconds * 1000));
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

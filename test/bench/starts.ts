import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { median, quantile } from '../support/quantiles.js';
import { runAgent } from './agent-runs.js';
import { ONE_LINE } from './agent-task.js';
import { type BenchCase, times } from './bench-case.js';
import { openPair, ServerProcess } from './server-process.js';
import { temporaryFolder } from './undo.js';

/** Milliseconds from a request to what the agent says first. */
async function firstEvent(server: ServerProcess, session?: string): Promise<number> {
  return (await runAgent(server, ONE_LINE, { session })).firstMs;
}

const oneAtATime: BenchCase = {
  targets: [
    { name: 'first event, warm session', unit: 'ms', mostRatio: 1.5, reference: 12.6 },
    { name: 'first event, new session', unit: 'ms', mostRatio: 2.5, reference: 18 },
  ],
  rounds: 5,
  open: async (form) => {
    const count = form === 'full' ? 60 : 5;
    const { floor, product, close } = await openPair();
    const each = async (server: ServerProcess, session?: string) =>
      median(await times(count, () => firstEvent(server, session)));
    for (const server of [floor, product]) await each(server, 'warm');
    await each(product);
    return {
      round: async () => {
        const least = await each(floor);
        return [
          { floor: least, product: await each(product, 'warm') },
          { floor: least, product: await each(product) },
        ];
      },
      close,
    };
  },
};

const allAtOnce: BenchCase = {
  targets: [
    {
      name: '100 clients at once, new sessions: first event, p95',
      unit: 'ms',
      mostRatio: 2.5,
      reference: 2700,
    },
    { name: '100 clients at once: sessions started per second', unit: '/s' },
  ],
  rounds: 5,
  open: async (form) => {
    const count = form === 'full' ? 100 : 10;
    const { floor, product, close } = await openPair();
    const all = async (server: ServerProcess) => {
      const waits = await Promise.all(Array.from({ length: count }, () => firstEvent(server)));
      return { p95: quantile(waits, 0.95), perSecond: (count / Math.max(...waits)) * 1000 };
    };
    for (const server of [floor, product]) await all(server);
    return {
      round: async () => {
        const [least, most] = [await all(floor), await all(product)];
        return [
          { floor: least.p95, product: most.p95 },
          { floor: least.perSecond, product: most.perSecond },
        ];
      },
      close,
    };
  },
};

/** A template of many files: 20 MB in 2,000. */
function bigTemplate(files: number) {
  const template = temporaryFolder('bench-template-');
  for (let part = 0; part < files / 100; part += 1) {
    mkdirSync(join(template.folder, `part${part}`));
    for (let file = 0; file < 100; file += 1) {
      writeFileSync(
        join(template.folder, `part${part}`, `file${file}`),
        Buffer.alloc(10_000, file),
      );
    }
  }
  return template;
}

const bigSessions: BenchCase = {
  targets: [
    {
      name: '/ops/concurrency while 50 sessions of 20 MB start: p99',
      unit: 'ms',
      most: 50,
      reference: 900,
    },
  ],
  rounds: 3,
  open: async (form) => {
    const { folder, remove } = bigTemplate(form === 'full' ? 2_000 : 200);
    return {
      // A server for each round: the sessions take a gigabyte.
      round: async () => {
        const product = await ServerProcess.product({ FERMILINK_SOFTWARE_ROOT: folder });
        const count = form === 'full' ? 50 : 5;
        const waits: number[] = [];
        let haveStarted = false;
        const look = async () => {
          while (!haveStarted) {
            const began = performance.now();
            await product.getJson('/ops/concurrency');
            waits.push(performance.now() - began);
            await pause(2);
          }
        };
        const starts = Promise.all(Array.from({ length: count }, () => firstEvent(product)));
        await Promise.all([starts.finally(() => (haveStarted = true)), look()]);
        await product.stop();
        return [{ floor: null, product: quantile(waits, 0.99) }];
      },
      close: async () => remove(),
    };
  },
};

const serverStart: BenchCase = {
  targets: [{ name: 'start of the server to ready', unit: 's', mostRatio: 1.5 }],
  rounds: 5,
  open: async () => {
    const start = async (server: Promise<ServerProcess>) => {
      const { startSeconds } = await server;
      await (await server).stop();
      return startSeconds;
    };
    return {
      round: async () => [
        {
          floor: await start(ServerProcess.bareNest()),
          product: await start(ServerProcess.product()),
        },
      ],
      close: async () => undefined,
    };
  },
};

export const STARTS: BenchCase[] = [oneAtATime, allAtOnce, bigSessions, serverStart];

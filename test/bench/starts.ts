import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { median, quantile } from '../support/quantiles.js';
import { type BenchCase, times } from './bench-case.js';
import { ServerProcess } from './server-process.js';
import { readStream } from './stream-reader.js';
import { requireLines } from './streams.js';

/** Milliseconds from a request to what the agent says first. */
async function firstEvent(server: ServerProcess, session?: string): Promise<number> {
  const facts = await readStream(`${server.url}/run`, {
    body: { user_prompt: 'once', ...(session === undefined ? {} : { session_id: session }) },
  });
  requireLines(facts, 1);
  return facts.firstMs;
}

const oneAtATime: BenchCase = {
  targets: [
    { name: 'first event, warm session', unit: 'ms', most: 1.5, reference: 12.6 },
    { name: 'first event, new session', unit: 'ms', most: 2.5, reference: 18 },
  ],
  rounds: 5,
  open: async (form) => {
    const count = form === 'full' ? 60 : 5;
    const [floor, product] = [await ServerProcess.floor(), await ServerProcess.product()];
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
      close: async () => void (await Promise.all([floor.stop(), product.stop()])),
    };
  },
};

const allAtOnce: BenchCase = {
  targets: [
    {
      name: '100 clients at once, new sessions: first event, p95',
      unit: 'ms',
      most: 2.5,
      reference: 2700,
    },
  ],
  rounds: 5,
  open: async (form) => {
    const count = form === 'full' ? 100 : 10;
    const [floor, product] = [await ServerProcess.floor(), await ServerProcess.product()];
    const all = async (server: ServerProcess) =>
      quantile(await Promise.all(Array.from({ length: count }, () => firstEvent(server))), 0.95);
    for (const server of [floor, product]) await all(server);
    return {
      round: async () => [{ floor: await all(floor), product: await all(product) }],
      close: async () => void (await Promise.all([floor.stop(), product.stop()])),
    };
  },
};

/** A template of many files: 20 MB in 2,000. */
function bigTemplate(files: number): string {
  const root = mkdtempSync(join(tmpdir(), 'bench-template-'));
  for (let folder = 0; folder < files / 100; folder += 1) {
    mkdirSync(join(root, `part${folder}`));
    for (let file = 0; file < 100; file += 1) {
      writeFileSync(join(root, `part${folder}`, `file${file}`), Buffer.alloc(10_000, file));
    }
  }
  return root;
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
    const template = bigTemplate(form === 'full' ? 2_000 : 200);
    return {
      // A server for each round: the sessions take a gigabyte.
      round: async () => {
        const product = await ServerProcess.product({ FERMILINK_SOFTWARE_ROOT: template });
        const count = form === 'full' ? 50 : 5;
        let started = 0;
        const all = Promise.all(
          Array.from({ length: count }, () => firstEvent(product).then(() => (started += 1))),
        );
        const waits: number[] = [];
        while (started < count) {
          const began = performance.now();
          await product.getJson('/ops/concurrency');
          waits.push(performance.now() - began);
          await pause(2);
        }
        await all;
        await product.stop();
        return [{ floor: null, product: quantile(waits, 0.99) }];
      },
      close: async () => rmSync(template, { recursive: true }),
    };
  },
};

const serverStart: BenchCase = {
  targets: [{ name: 'start of the server to ready', unit: 's', most: 1.5 }],
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

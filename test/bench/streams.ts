import { type BenchCase, type Form, times } from './bench-case.js';
import { warmPageCache } from './page-cache.js';
import { ServerProcess } from './server-process.js';
import { readStream, type StreamFacts } from './stream-reader.js';

/** Runs an agent that writes so many lines, and sees that all of them come. */
export async function readLines(
  server: ServerProcess,
  count: number,
  width: number,
  session = 'bench',
): Promise<StreamFacts> {
  const facts = await readStream(`${server.url}/run`, {
    body: { user_prompt: `lines ${count} ${width}`, session_id: session },
  });
  requireLines(facts, count);
  return facts;
}

export function requireLines({ agentEvents }: StreamFacts, count: number): void {
  if (agentEvents !== count) throw new Error(`${agentEvents} lines came of ${count}`);
}

/** Processor time that a server takes for some work, in seconds. */
export async function cpuOf<T>(server: ServerProcess, work: () => Promise<T>): Promise<number> {
  const before = server.cpuSeconds();
  await work();
  return server.cpuSeconds() - before;
}

/** Floor and product, both warm. */
async function pair(form: Form): Promise<{ floor: ServerProcess; product: ServerProcess }> {
  const [floor, product] = [await ServerProcess.floor(), await ServerProcess.product()];
  const lines = form === 'full' ? 100_000 : 1_000;
  for (const server of [floor, product]) await times(2, () => readLines(server, lines, 200));
  return { floor, product };
}

const oneStream: BenchCase = {
  targets: [
    { name: 'one stream, 200,000 lines of 200 bytes: CPU', unit: 's', most: 2, reference: 4.26 },
    { name: 'replay of the same run: CPU', unit: 's', most: 2 },
  ],
  rounds: 5,
  open: async (form) => {
    const count = form === 'full' ? 200_000 : 2_000;
    const { floor, product } = await pair(form);
    return {
      round: async () => {
        const least = await cpuOf(floor, () => readLines(floor, count, 200));
        let run!: StreamFacts;
        const live = await cpuOf(product, async () => (run = await readLines(product, count, 200)));
        const replay = await cpuOf(product, async () => {
          const url = `${product.url}/runs/${run.runId}/events`;
          const facts = await readStream(url, { method: 'GET' });
          requireLines(facts, count);
          if (facts.lastId !== run.lastId) throw new Error('the replay ends elsewhere');
        });
        return [
          { floor: least, product: live },
          { floor: least, product: replay },
        ];
      },
      close: async () => void (await Promise.all([floor.stop(), product.stop()])),
    };
  },
};

const manyStreams: BenchCase = {
  targets: [{ name: '20 streams of 20,000 lines: CPU', unit: 's', most: 2 }],
  rounds: 5,
  open: async (form) => {
    const count = form === 'full' ? 20_000 : 200;
    const { floor, product } = await pair(form);
    const all = (server: ServerProcess) =>
      cpuOf(server, () =>
        Promise.all(
          Array.from({ length: 20 }, (_, index) => readLines(server, count, 200, `s${index}`)),
        ),
      );
    await all(product);
    return {
      round: async () => [{ floor: await all(floor), product: await all(product) }],
      close: async () => void (await Promise.all([floor.stop(), product.stop()])),
    };
  },
};

const MB = 1_000_000;

const longLines: BenchCase = {
  targets: [
    { name: '500 lines of 1 MB: time', unit: 's', most: 1.5 },
    { name: 'a line of 16 MB, in lines of 1 MB: time', unit: '×', most: 20 },
  ],
  rounds: 5,
  open: async (form) => {
    const count = form === 'full' ? 500 : 20;
    const { floor, product } = await pair(form);
    const read = (server: ServerProcess, lines: number, width: number) => {
      warmPageCache(1.2 * lines * width);
      return readLines(server, lines, width);
    };
    for (const server of [floor, product]) await read(server, count, MB);
    return {
      round: async () => {
        const least = await read(floor, count, MB);
        const many = await read(product, count, MB);
        const huge = count / 20;
        const few = await read(product, huge, 16 * MB);
        const times = few.totalMs / huge / (many.totalMs / count);
        return [
          { floor: least.totalMs / 1000, product: many.totalMs / 1000 },
          { floor: null, product: times },
        ];
      },
      close: async () => void (await Promise.all([floor.stop(), product.stop()])),
    };
  },
};

export const STREAMS: BenchCase[] = [oneStream, manyStreams, longLines];

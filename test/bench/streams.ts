import { cpuOf, followRun, runAgent } from './agent-runs.js';
import { linesOf, messagesOf } from './agent-task.js';
import { type BenchCase, type Form, times } from './bench-case.js';
import { warmPageCache } from './page-cache.js';
import { openPair, type ServerProcess } from './server-process.js';

/** Floor and product, both warm. */
async function warmPair(form: Form) {
  const pair = await openPair();
  const task = linesOf(form === 'full' ? 100_000 : 1_000, 200);
  for (const server of [pair.floor, pair.product]) await times(2, () => runAgent(server, task));
  return pair;
}

const oneStream: BenchCase = {
  targets: [
    {
      name: 'one stream, 200,000 lines of 200 bytes: CPU',
      unit: 's',
      mostRatio: 2,
      reference: 4.26,
    },
    { name: 'one stream: events per second', unit: '/s', reference: 31_000 },
    { name: 'replay of the same run: CPU', unit: 's', mostRatio: 2 },
  ],
  rounds: 5,
  open: async (form) => {
    const task = linesOf(form === 'full' ? 200_000 : 2_000, 200);
    const { floor, product, close } = await warmPair(form);
    return {
      round: async () => {
        const [least, floorRun] = await cpuOf(floor, () => runAgent(floor, task));
        const [live, run] = await cpuOf(product, () => runAgent(product, task));
        const [replay, { lastId }] = await cpuOf(product, () =>
          followRun(product, run.runId, task),
        );
        if (lastId !== run.lastId) throw new Error('the replay ends elsewhere');
        const perSecond = (totalMs: number) => (task.lines / totalMs) * 1000;
        return [
          { floor: least, product: live },
          { floor: perSecond(floorRun.totalMs), product: perSecond(run.totalMs) },
          { floor: least, product: replay },
        ];
      },
      close,
    };
  },
};

/** What it costs to look into every line; apart, so that it warms up nothing for the others. */
const parsedLines: BenchCase = {
  targets: [{ name: '200,000 messages of codex, all of them parsed: CPU', unit: 's' }],
  rounds: 5,
  open: async (form) => {
    const task = messagesOf(form === 'full' ? 200_000 : 2_000, 200);
    const { floor, product, close } = await warmPair(form);
    return {
      round: async () => {
        const [least] = await cpuOf(floor, () => runAgent(floor, task));
        const [most] = await cpuOf(product, () => runAgent(product, task));
        return [{ floor: least, product: most }];
      },
      close,
    };
  },
};

const manyStreams: BenchCase = {
  targets: [
    { name: '20 streams of 20,000 lines: CPU', unit: 's', mostRatio: 2 },
    { name: '20 streams: events per second', unit: '/s', reference: 50_000 },
  ],
  rounds: 5,
  open: async (form) => {
    const streams = 20;
    const task = linesOf(form === 'full' ? 20_000 : 200, 200);
    const { floor, product, close } = await warmPair(form);
    const all = async (server: ServerProcess) => {
      const began = performance.now();
      const [cpu] = await cpuOf(server, () =>
        Promise.all(
          Array.from({ length: streams }, (_, index) =>
            runAgent(server, task, { session: `s${index}` }),
          ),
        ),
      );
      const seconds = (performance.now() - began) / 1000;
      return { cpu, perSecond: (streams * task.lines) / seconds };
    };
    await all(product);
    return {
      round: async () => {
        const [least, most] = [await all(floor), await all(product)];
        return [
          { floor: least.cpu, product: most.cpu },
          { floor: least.perSecond, product: most.perSecond },
        ];
      },
      close,
    };
  },
};

const MB = 1_000_000;

const longLines: BenchCase = {
  targets: [
    { name: '500 lines of 1 MB: time', unit: 's', mostRatio: 1.5 },
    { name: 'a line of 16 MB, in lines of 1 MB: time', unit: '×', most: 20 },
  ],
  rounds: 5,
  open: async (form) => {
    const count = form === 'full' ? 500 : 20;
    const { floor, product, close } = await warmPair(form);
    const secondsFor = async (server: ServerProcess, lines: number, width: number) => {
      const task = linesOf(lines, width);
      warmPageCache(1.2 * task.bytes);
      return (await runAgent(server, task)).totalMs / 1000;
    };
    for (const server of [floor, product]) await secondsFor(server, count, MB);
    return {
      round: async () => {
        const least = await secondsFor(floor, count, MB);
        const many = await secondsFor(product, count, MB);
        const huge = count / 20;
        const [leastHuge, few] = [
          await secondsFor(floor, huge, 16 * MB),
          await secondsFor(product, huge, 16 * MB),
        ];
        return [
          { floor: least, product: many },
          { floor: (leastHuge / huge) * (count / least), product: (few / huge) * (count / many) },
        ];
      },
      close,
    };
  },
};

export const STREAMS: BenchCase[] = [oneStream, parsedLines, manyStreams, longLines];

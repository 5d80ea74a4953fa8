import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { eventsOf, requestOf, runAgent } from './agent-runs.js';
import { type AgentTask, linesOf } from './agent-task.js';
import type { BenchCase } from './bench-case.js';
import { openPair, type ServerProcess } from './server-process.js';

const run = promisify(execFile);

/**
 * What `curl | grep -c` finds at an address.
 * @param pattern of the lines that are counted
 * @throws if the server refuses, or the connection breaks
 */
async function curlCount(pattern: string, ...args: string[]): Promise<number> {
  const pipe = 'pattern=$1; shift; curl -sSfN "$@" | grep -Ec "$pattern"';
  const { stdout } = await run('bash', ['-o', 'pipefail', '-c', pipe, 'bash', pattern, ...args]);
  return Number(stdout);
}

/** Counts the events of a new run, and how many of them come in a second. */
async function curlRun(server: ServerProcess, { prompt }: AgentTask) {
  const began = performance.now();
  const events = await curlCount(
    '^event: agent$',
    '-H',
    'Content-Type: application/json',
    '-d',
    JSON.stringify(requestOf(prompt)),
    `${server.url}/run`,
  );
  return { events, perSecond: (events / (performance.now() - began)) * 1000 };
}

/** Programs that are not ours count what comes, and have to agree with our client and the agent. */
const otherClient: BenchCase = {
  targets: [{ name: 'one stream to curl and grep -c: events per second', unit: '/s' }],
  rounds: 5,
  open: async (form) => {
    await run('curl', ['--version']).catch(() => {
      throw new Error('curl is not installed, and this case needs it');
    });
    const width = 200;
    const task = linesOf(form === 'full' ? 200_000 : 2_000, width);
    const { floor, product, close } = await openPair();
    return {
      round: async () => {
        const own = { floor: await runAgent(floor, task), product: await runAgent(product, task) };
        const curl = { floor: await curlRun(floor, task), product: await curlRun(product, task) };
        const finished = eventsOf(product, own.product.runId);
        const counts = {
          'our client of the floor': own.floor.agentEvents,
          'our client of the product': own.product.agentEvents,
          'curl of the floor': curl.floor.events,
          'curl of the product': curl.product.events,
          'curl of the finished run': await curlCount('^event: agent$', finished),
          // The whole of each line, where our client counts bytes.
          'curl, of good lines': await curlCount(`^data: [0-9]{8} x{${width - 10}}$`, finished),
        };
        for (const [who, count] of Object.entries(counts)) {
          if (count === task.lines) continue;
          throw new Error(`${who} counts ${count} of the ${task.lines} lines of the agent`);
        }
        return [{ floor: curl.floor.perSecond, product: curl.product.perSecond }];
      },
      close,
    };
  },
};

export const CURL: BenchCase[] = [otherClient];

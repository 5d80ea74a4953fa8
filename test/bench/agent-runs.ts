import { setTimeout as pause } from 'node:timers/promises';
import type { AgentTask } from './agent-task.js';
import type { ServerProcess } from './server-process.js';
import type { LineListener } from './stream-check.js';
import { readStream, type ReadOptions, type StreamFacts } from './stream-reader.js';

/** Runs the agent, and sees that all that it writes comes. */
export function runAgent(
  server: ServerProcess,
  { prompt, lines, bytes }: AgentTask,
  { session, ...listener }: LineListener & { session?: string } = {},
): Promise<StreamFacts> {
  return readStream(
    `${server.url}/run`,
    { lines, bytes, firstId: server.givesIds ? 1 : null },
    { ...listener, body: requestOf(prompt, session) },
  );
}

/** Follows a run of the product from its beginning, and sees that all that its agent writes comes. */
export function followRun(
  product: ServerProcess,
  runId: string,
  { lines, bytes }: AgentTask,
  options: Omit<ReadOptions, 'body'> = {},
): Promise<StreamFacts> {
  return readStream(eventsOf(product, runId), { lines, bytes, firstId: 1 }, options);
}

/** The body of a `POST /run`. */
export function requestOf(prompt: string, session?: string): object {
  return { user_prompt: prompt, ...(session === undefined ? {} : { session_id: session }) };
}

/** Where the events of a run of the product are. */
export function eventsOf(product: ServerProcess, runId: string): string {
  return `${product.url}/runs/${runId}/events`;
}

/** Starts a run of the product that nobody follows. */
export async function startDetached(
  product: ServerProcess,
  { prompt }: AgentTask,
): Promise<string> {
  const response = await fetch(`${product.url}/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(requestOf(prompt)),
  });
  if (response.status !== 202) throw new Error(`POST /runs answered ${response.status}`);
  return ((await response.json()) as { run_id: string }).run_id;
}

/**
 * Waits until a run has ended.
 * @returns the id of its last event
 * @throws if its agent failed, or it has other events than `meta`, the agent's lines and the end
 */
export async function untilEnded(
  product: ServerProcess,
  runId: string,
  { lines }: AgentTask,
): Promise<number> {
  for (;;) {
    const run = await product.getJson<{
      ended_at: string | null;
      return_code: number | null;
      last_event_id: number;
    }>(`/runs/${runId}`);
    if (run.ended_at === null) {
      await pause(10);
      continue;
    }
    if (run.return_code !== 0 || run.last_event_id !== lines + 2) {
      throw new Error(`a run is wrong: ${JSON.stringify(run)}`);
    }
    return run.last_event_id;
  }
}

/** Processor time that a server takes for some work, in seconds, and what the work gives. */
export async function cpuOf<T>(
  server: ServerProcess,
  work: () => Promise<T>,
): Promise<[number, T]> {
  const before = server.cpuSeconds();
  const result = await work();
  return [server.cpuSeconds() - before, result];
}

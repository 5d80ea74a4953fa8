import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './processes.js';
import type { Runner } from './runner.js';
import type { RunBody } from './stream-client.js';

/** An answer that is no stream. */
export interface Answer {
  status: number;
  headers: Headers;
  /** Null where there is none. */
  body: ReturnType<typeof JSON.parse>;
}

/** What `GET /runs/{id}` says, as far as tests look at it. */
export interface RunFacts extends Record<string, unknown> {
  run_id: string;
  session_id: string;
  state: string;
  reason: string | null;
  code: string | null;
  detail: string | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  last_event_id: number;
  /** Only while it waits. */
  position?: number;
}

/** Sends a request and reads the whole answer. */
export async function ask(
  runner: Runner,
  method: string,
  path: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const answer = await fetch(runner.url + path, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    headers: answer.headers,
    body: text === '' ? null : JSON.parse(text),
  };
}

/** `POST /runs`, whatever the answer. */
export function postRun(
  runner: Runner,
  body: RunBody,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return ask(runner, 'POST', '/runs', { body, headers });
}

/** `POST /runs`, which has to be accepted; gives the id of the run. */
export async function startRun(
  runner: Runner,
  body: RunBody,
  headers: Record<string, string> = {},
): Promise<string> {
  const answer = await postRun(runner, body, headers);
  if (answer.status !== 202) throw new Error(`no run: ${JSON.stringify(answer)}`);
  return String(answer.body.run_id);
}

/** `GET /runs/{id}`, which has to be known. */
export async function getRun(runner: Runner, id: string): Promise<RunFacts> {
  const answer = await ask(runner, 'GET', `/runs/${id}`);
  if (answer.status !== 200) throw new Error(`no run ${id}: ${JSON.stringify(answer)}`);
  return answer.body as RunFacts;
}

/** `POST /runs/{id}/cancel`, whatever the answer. */
export function cancelRun(runner: Runner, id: string): Promise<Answer> {
  return ask(runner, 'POST', `/runs/${id}/cancel`);
}

/** Waits until what is known of a run passes a test. */
export function untilRun(
  runner: Runner,
  id: string,
  passes: (run: RunFacts) => boolean,
  seconds = 30,
): Promise<RunFacts> {
  return eventually(() => getRun(runner, id), passes, seconds);
}

/** Waits until a run is in a state. */
export function untilState(
  runner: Runner,
  id: string,
  state: string,
  seconds = 30,
): Promise<RunFacts> {
  return untilRun(runner, id, (run) => run.state === state, seconds);
}

/** Waits until a run has ended, however. */
export function untilEnded(runner: Runner, id: string, seconds = 30): Promise<RunFacts> {
  return untilRun(runner, id, (run) => run.ended_at !== null, seconds);
}

/** Waits until no run waits or holds a slot. */
export function untilIdle(runner: Runner, seconds = 30): Promise<Record<string, unknown>> {
  return eventually(
    () => runner.getJson('/ops/concurrency'),
    (it) => it.active_total === 0 && it.pending_total === 0,
    seconds,
  );
}

/** Something that the scripts of agents wait for, and that a test lets happen. */
export class Gate {
  /** The file that is there once it is open. */
  readonly path: string;

  constructor(runner: Runner, name: string) {
    const folder = join(runner.home, 'gates');
    mkdirSync(folder, { recursive: true });
    this.path = join(folder, name);
  }

  /** The command that waits for it. */
  get wait(): string {
    return `until [ -e ${this.path} ]; do sleep 0.05; done`;
  }

  /** The command that lets it happen. */
  get pass(): string {
    return `: > ${this.path}`;
  }

  get isOpen(): boolean {
    return existsSync(this.path);
  }

  open(): void {
    writeFileSync(this.path, '');
  }
}

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

/** `POST /runs`. */
export function create(
  runner: Runner,
  body: RunBody,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return ask(runner, 'POST', '/runs', { body, headers });
}

/** `POST /runs`, which has to be accepted; gives the id of the run. */
export async function createId(
  runner: Runner,
  body: RunBody,
  headers: Record<string, string> = {},
): Promise<string> {
  const answer = await create(runner, body, headers);
  if (answer.status !== 202) throw new Error(`no run: ${JSON.stringify(answer)}`);
  return String(answer.body.run_id);
}

/** `GET /runs/{id}`, which has to be known. */
export async function look(runner: Runner, id: string): Promise<Answer['body']> {
  const answer = await ask(runner, 'GET', `/runs/${id}`);
  if (answer.status !== 200) throw new Error(`no run ${id}: ${JSON.stringify(answer)}`);
  return answer.body;
}

export function cancel(runner: Runner, id: string): Promise<Answer> {
  return ask(runner, 'POST', `/runs/${id}/cancel`);
}

/** Waits until a run is in a state; gives what is known of it then. */
export function untilState(runner: Runner, id: string, state: string): Promise<Answer['body']> {
  return eventually(
    () => look(runner, id),
    (run) => run.state === state,
    30,
  );
}

/** Waits until no run waits or holds a slot. */
export function untilIdle(runner: Runner): Promise<unknown> {
  return eventually(
    () => runner.getJson('/ops/concurrency'),
    (it) => it.active_total === 0 && it.pending_total === 0,
    30,
  );
}

/** Something that the script of an agent waits for, and that a test lets happen. */
export class Gate {
  private readonly path: string;

  constructor(runner: Runner, name: string) {
    const folder = join(runner.home, 'gates');
    mkdirSync(folder, { recursive: true });
    this.path = join(folder, name);
  }

  /** The command that waits for it. */
  get wait(): string {
    return `until [ -e ${this.path} ]; do sleep 0.03; done`;
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

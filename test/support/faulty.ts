import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './processes.js';
import { PROJECT, Runner } from './runner.js';

/** Settings of a server whose agent is the faulty one, and which does not wait for it when it stops. */
export const FAULTY = {
  FERMILINK_CODEX_BIN: join(PROJECT, 'test', 'support', 'fault-agent.sh'),
  FERMILINK_RUNNER_DRAIN_SECONDS: '0',
  // Many runs of one test are those of no user in particular.
  FERMILINK_RUNNER_PER_USER_CONCURRENT_RUNS: '500',
  FERMILINK_RUNNER_MAX_PENDING_PER_USER: '0',
};

export interface Answer {
  status: number;
  body: Record<string, unknown>;
  headers: Headers;
}

/** What `GET /runs/{id}` says, as far as tests look at it. */
export interface RunFacts extends Record<string, unknown> {
  run_id: string;
  session_id: string;
  state: string;
  reason: string | null;
  code: string | null;
  last_event_id: number;
}

/** `POST /runs`, whatever the answer. */
export async function post(
  runner: Runner,
  body: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await fetch(`${runner.url}/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return {
    status: answer.status,
    body: (await answer.json()) as Record<string, unknown>,
    headers: answer.headers,
  };
}

/** Starts a run and gives its id. */
export async function start(runner: Runner, prompt: string, more: object = {}): Promise<string> {
  const { status, body } = await post(runner, { user_prompt: prompt, ...more });
  if (status !== 202) throw new Error(`no run: ${status} ${JSON.stringify(body)}`);
  return String(body.run_id);
}

export async function facts(runner: Runner, id: string): Promise<RunFacts> {
  return (await runner.getJson(`/runs/${id}`)) as RunFacts;
}

export async function cancel(runner: Runner, id: string): Promise<RunFacts> {
  const answer = await fetch(`${runner.url}/runs/${id}/cancel`, { method: 'POST' });
  return (await answer.json()) as RunFacts;
}

/** Waits until a run is in a state that passes. */
export function untilRun(
  runner: Runner,
  id: string,
  passes: (run: RunFacts) => boolean,
  seconds = 30,
): Promise<RunFacts> {
  return eventually(() => facts(runner, id), passes, seconds);
}

export function untilEnded(runner: Runner, id: string, seconds = 30): Promise<RunFacts> {
  return untilRun(runner, id, (run) => run.ended_at !== null, seconds);
}

/** Waits until nothing runs and nothing waits. */
export function untilIdle(runner: Runner, seconds = 30): Promise<Record<string, unknown>> {
  return eventually(
    () => runner.getJson('/ops/concurrency'),
    (it) => it.active_total === 0 && it.pending_total === 0,
    seconds,
  );
}

/** Lets the agent of a session that waits for `outputs/go` go on. */
export function letGo(runner: Runner, session: string): void {
  writeFileSync(join(runner.repo(session), 'outputs', 'go'), '');
}

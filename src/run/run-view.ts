import type { AgentFacts, RunRecord, RunState } from './run-record.js';
import type { OverlaySummary } from '../packages/package-types.js';
import type { AgentError } from '../provider/agent-error.js';
import type { Outcome } from '../provider/agent-result.js';
import { resultBody, type ResultBody } from './result-body.js';
import type { RunView } from './run.service.js';

/** What `GET /runs/{id}` says of a run. */
export interface RunBody {
  run_id: string;
  session_id: string;
  user_id: string | null;
  state: RunState;
  reason: string | null;
  code: string | null;
  detail: string | null;
  return_code: number | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  agent: AgentFacts | null;
  package: OverlaySummary | null;
  metadata: Record<string, unknown> | null;
  last_event_id: number;
  /** As `runner.exit` has it; the text only of one run, not in lists. */
  outcome: Outcome | null;
  error: AgentError | null;
  result_text?: string | null;
  usage: ResultBody['usage'];
  /** Only while it waits. */
  position?: number;
  pending_total?: number;
  /** Only where it is asked for. */
  prompt?: string;
}

/** What a list says of each run. */
export function listedBodyOf({ record, queue }: RunView): RunBody {
  const { end, order } = record;
  const { outcome, error, usage } = resultBody(end);
  return {
    ...referenceOf(record),
    user_id: record.userId,
    reason: end?.reason ?? null,
    code: end?.code ?? null,
    detail: end?.detail ?? null,
    return_code: end?.returnCode ?? null,
    created_at: record.createdAt,
    started_at: record.startedAt,
    ended_at: record.endedAt,
    agent: record.agent,
    package: record.package,
    metadata: order.metadata,
    last_event_id: record.lastEventId,
    outcome,
    error,
    usage,
    ...(queue === null ? {} : { position: queue.position, pending_total: queue.pendingTotal }),
  };
}

/** @param withPrompt the prompt is asked for too */
export function bodyOf(view: RunView, withPrompt = false): RunBody {
  const { order, end } = view.record;
  return {
    ...listedBodyOf(view),
    result_text: resultBody(end).result_text,
    ...(withPrompt ? { prompt: order.prompt } : {}),
  };
}

/** What `POST /runs` answers. */
export function referenceOf({ id, sessionId, state }: RunRecord) {
  return { run_id: id, session_id: sessionId, state };
}

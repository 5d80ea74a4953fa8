import { resultBody } from './result-body.js';
import type { RunRecord } from './run-record.js';
import type { ListedRunBody, RunBody, RunReference } from './run.answers.js';
import type { RunView } from './run.service.js';

/** What a list says of each run. */
export function listedBodyOf({ record, queue }: RunView): ListedRunBody {
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
    files: end?.files ?? null,
    ...(withPrompt ? { prompt: order.prompt } : {}),
  };
}

/** What `POST /runs` answers. */
export function referenceOf({ id, sessionId, state }: RunRecord): RunReference {
  return { run_id: id, session_id: sessionId, state };
}

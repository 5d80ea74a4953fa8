import type { RunFiles } from '../files/changes/run-files.js';
import type { Run } from './run.js';
import { resultBody, type ResultBody, resultIn } from './result-body.js';
import { safeJson } from './event-frame.js';
import type { AgentFacts, EndCause, RunEnd, RunRecord } from './run-record.js';
import type { OverlaySummary } from '../packages/package-types.js';

/** The data of `meta` (contract, section 1). */
export function metaData(
  { id, sessionId }: Run,
  overlay: OverlaySummary | null,
  agent: AgentFacts,
): string {
  return safeJson({
    session_id: sessionId,
    run_id: id,
    ...(overlay === null ? {} : { package: overlay }),
    agent,
  });
}

/** The data of `log`: a line of the agent's stderr, or a note of the runner. */
export function logData(text: string): string {
  return safeJson({ text });
}

/** The data of `stalled`: for so long the agent has written nothing. */
export function stalledData(silentSeconds: number): string {
  return safeJson({ silent_seconds: Math.round(silentSeconds) });
}

/** The data of `runner.exit` (contract, section 8). */
export function exitData({ id, sessionId }: RunRecord, end: RunEnd): string {
  return safeJson({
    run_id: id,
    session_id: sessionId,
    reason: end.reason,
    return_code: end.returnCode,
    code: end.code,
    detail: end.detail,
    killed: end.killed,
    survivors: end.survivors,
    ...resultBody(end),
    files: end.files,
  });
}

/** Reads what `exitData` has written. */
export function endIn(data: string): RunEnd | null {
  let exit: ExitBody;
  try {
    exit = JSON.parse(data) as ExitBody;
  } catch {
    return null;
  }
  const { reason, code, detail, killed, survivors } = exit;
  return {
    ...{ reason, code, detail, killed, survivors },
    returnCode: exit.return_code,
    // A server before this one did not say it.
    files: exit.files ?? null,
    result: resultIn(exit),
  };
}

type ExitBody = EndCause &
  ResultBody & {
    return_code: number | null;
    killed: boolean;
    survivors: number;
    files?: RunFiles | null;
  };

/** The end of a run whose agent never ran, or of whose agent nothing is known. */
export function endWithoutAgent(cause: EndCause): RunEnd {
  return { ...cause, returnCode: null, killed: false, survivors: 0, files: null, result: null };
}

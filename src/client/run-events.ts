import type { EventSourceMessage } from 'eventsource-parser';
import type { Activity } from './activity.js';
import { RunnerProtocolError } from './errors.js';
import type { AgentFacts, PackageSummary, RunExit } from './wire.js';

interface Event<Name extends string, Data> {
  event: Name;
  /** Its number in the run's log; of a notice, that of the last event before it; null if it has none. */
  id: number | null;
  data: Data;
}

/** One event of a run. */
export type RunEvent =
  | Event<'queued', { run_id: string; position: number; pending_total: number }>
  | Event<
      'meta',
      { session_id: string; run_id: string; package?: PackageSummary; agent: AgentFacts }
    >
  /** A line of the agent as it is; only with the view `raw`. */
  | Event<'agent', string>
  /** Only with the view `activity`. */
  | Event<'activity', Activity>
  | Event<'log', { text: string }>
  | Event<'stalled', { silent_seconds: number }>
  | Event<'shutdown', { drain_seconds: number } | null>
  | Event<'runner.exit', RunExit>
  /** One that this client does not know; `name` is its event, `data` as it came. */
  | (Event<'other', string> & { name: string });

const JSON_EVENTS: ReadonlySet<string> = new Set([
  'queued',
  'meta',
  'activity',
  'log',
  'stalled',
  'shutdown',
  'runner.exit',
]);

/** Notices stand in no log: they are sent live only, with the id of the event before them. */
const NOTICES: ReadonlySet<string> = new Set(['queued', 'shutdown']);

export function isNotice({ event }: RunEvent): boolean {
  return NOTICES.has(event);
}

/** @throws {RunnerProtocolError} for what no runner sends */
export function runEventOf({ id, event, data }: EventSourceMessage): RunEvent {
  const number = id !== undefined && /^\d+$/.test(id) ? Number(id) : null;
  const name = event ?? 'message';
  if (name === 'agent') return { event: name, id: number, data };
  if (!JSON_EVENTS.has(name)) return { event: 'other', name, id: number, data };
  try {
    return { event: name, id: number, data: JSON.parse(data) as unknown } as RunEvent;
  } catch (error) {
    throw new RunnerProtocolError(`An event "${name}" of the runner is not JSON.`, error);
  }
}

import { hasLineBreaker, safeAgentLines } from './safe-lines.js';

/** The kinds of events that a run's log holds (contract, section 8). */
export type LoggedEventType = 'meta' | 'agent' | 'log' | 'stalled' | 'runner.exit';

/** JSON of our own, on one line for every reader. */
export function safeJson(value: unknown): string {
  const json = JSON.stringify(value);
  return hasLineBreaker(json) ? safeAgentLines(Buffer.from(json)).toString('utf8') : json;
}

/** One event as it stands in the log and goes over the wire. `data` must be safe already. */
export function eventFrame(id: number | null, type: string, data: string): string {
  return `${frameHead(id, type)}${data}\n\n`;
}

/** What stands before the data of an event. */
export function frameHead(id: number | null, type: string): string {
  const idLine = id === null ? '' : `id: ${id}\n`;
  return `${idLine}event: ${type}\ndata: `;
}

/** A comment that keeps proxies from cutting a silent connection; clients ignore it. */
export const HEARTBEAT_FRAME = ': heartbeat\n\n';

/** The kinds of events that a run's log holds (contract, section 8). */
export type LoggedEventType = 'meta' | 'agent' | 'log' | 'stalled' | 'runner.exit';

/**
 * Characters other than LF at which some reader of the stream ends a line: a lone CR by WHATWG's rules,
 * the others because the platform's client splits where Python's `str.splitlines` does.
 */
const LINE_BREAKERS = /[\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;
const HAS_LINE_BREAKER = /[\r\v\f\x1c-\x1e\x85\u2028\u2029]/;
const BEGINS_LIKE_JSON = /^[ \t\r]*[{["]/;

/** Whether a text holds a character, besides LF, that could end a line of the stream. */
export function hasLineBreaker(text: string): boolean {
  return HAS_LINE_BREAKER.test(text);
}

/**
 * Makes one line of an agent's output safe to send (contract, section 1). A line that looks like JSON
 * keeps its meaning: the dangerous characters become escapes, a CR a space; any other line gets a
 * space for each. Nothing else changes.
 */
export function safeAgentLine(line: string): string {
  if (!hasLineBreaker(line)) return line;
  if (!BEGINS_LIKE_JSON.test(line)) return line.replace(LINE_BREAKERS, ' ');
  return line.replace(LINE_BREAKERS, (character) =>
    character === '\r' ? ' ' : unicodeEscape(character),
  );
}

/** JSON of our own, on one line for every reader. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(LINE_BREAKERS, unicodeEscape);
}

/** One event as it stands in the log and goes over the wire. `data` must be safe already. */
export function eventFrame(id: number | null, type: string, data: string): string {
  const idLine = id === null ? '' : `id: ${id}\n`;
  return `${idLine}event: ${type}\ndata: ${data}\n\n`;
}

/** A comment that keeps proxies from cutting a silent connection; clients ignore it. */
export const HEARTBEAT_FRAME = ': heartbeat\n\n';

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

import { isAscii, isUtf8 } from 'node:buffer';

/** The kinds of events that a run's log holds (contract, section 8). */
export type LoggedEventType = 'meta' | 'agent' | 'log' | 'stalled' | 'runner.exit';

const LF = 0x0a;
const CR = 0x0d;

/**
 * Characters other than LF at which some reader of the stream ends a line: a lone CR by WHATWG's rules,
 * the others because the platform's client splits where Python's `str.splitlines` does.
 */
const LINE_BREAKERS = new Set([0x0b, 0x0c, CR, 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029]);
const HAS_LINE_BREAKER = /[\r\v\f\x1c-\x1e\x85\u2028\u2029]/;
/** The same as bytes in UTF-8. */
const BREAKER_BYTES = [...LINE_BREAKERS].filter((code) => code < 0x80);
const BREAKER_SEQUENCES = [...LINE_BREAKERS]
  .filter((code) => code >= 0x80)
  .map((code) => Buffer.from(String.fromCharCode(code)));
const EMPTY_LINE = Buffer.from('\n\n');
const BEGINS_LIKE_JSON = /^[ \t\r]*[{["]/;

/** Whether a text holds a character, besides LF, that could end a line of the stream. */
function hasLineBreaker(text: string): boolean {
  return HAS_LINE_BREAKER.test(text);
}

/**
 * Makes lines of an agent's output, bytes with an LF between two, safe to send: each as `safeAgentLine`
 * does it, the empty ones left out, invalid UTF-8 replaced by U+FFFD. Nearly all output is safe as it
 * is: a search for some bytes tells that at a fraction of what it costs to decode it.
 */
export function safeAgentLines(block: Buffer): Buffer {
  if (isUtf8(block) && !hasBreakerBytes(block) && !hasEmptyLine(block)) return block;
  return Buffer.from(textLines(block).map(safeAgentLine).join('\n'));
}

/** The lines of a block that are not empty, decoded; invalid UTF-8 has become U+FFFD. */
export function textLines(block: Buffer): string[] {
  return block
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
}

function hasBreakerBytes(block: Buffer): boolean {
  return (
    BREAKER_BYTES.some((byte) => block.includes(byte)) ||
    (!isAscii(block) && BREAKER_SEQUENCES.some((bytes) => block.includes(bytes)))
  );
}

function hasEmptyLine(block: Buffer): boolean {
  return block[0] === LF || block.at(-1) === LF || block.includes(EMPTY_LINE);
}

/**
 * Makes one line of an agent's output safe to send (contract, section 1). A line that looks like JSON
 * keeps its meaning: the dangerous characters become escapes, a CR a space; any other line gets a
 * space for each. Nothing else changes.
 */
export function safeAgentLine(line: string): string {
  if (!hasLineBreaker(line)) return line;
  const isJson = BEGINS_LIKE_JSON.test(line);
  return replaceBreakers(line, (code) => (!isJson || code === CR ? ' ' : unicodeEscape(code)));
}

/** JSON of our own, on one line for every reader. */
export function safeJson(value: unknown): string {
  const json = JSON.stringify(value);
  return hasLineBreaker(json) ? replaceBreakers(json, unicodeEscape) : json;
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

function unicodeEscape(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}

/**
 * Puts something else in the place of every line breaker. A line may consist of nothing else, and
 * `String.replace` spends so long on each match that one such line would stop the server for seconds:
 * here each costs no more than a copied character.
 */
function replaceBreakers(text: string, replacement: (code: number) => string): string {
  const codes = new Map([...LINE_BREAKERS].map((code) => [code, replacement(code)]));
  let length = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (isBreaker(code)) length += codes.get(code)!.length - 1;
  }
  const units = new Uint16Array(length);
  let at = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (!isBreaker(code)) {
      units[at++] = code;
      continue;
    }
    const put = codes.get(code)!;
    for (let j = 0; j < put.length; j += 1) units[at++] = put.charCodeAt(j);
  }
  return Buffer.from(units.buffer).toString('utf16le');
}

/** Most characters are none: they are told by one comparison or two. */
function isBreaker(code: number): boolean {
  if (code > 0x1e && code < 0x85) return false;
  return LINE_BREAKERS.has(code);
}

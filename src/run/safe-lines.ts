import { isAscii, isUtf8 } from 'node:buffer';

const LF = 0x0a;
const CR = 0x0d;

/**
 * Characters other than LF at which some reader of the stream ends a line: a lone CR by WHATWG's rules,
 * the others because the platform's client splits where Python's `str.splitlines` does.
 */
const LINE_BREAKERS = [0x0b, 0x0c, CR, 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029];
const ANY_LINE_BREAKER = new RegExp(`[${LINE_BREAKERS.map(unicodeEscape).join('')}]`);
const SINGLE_BYTES = LINE_BREAKERS.filter((code) => code < 0x80);
const SEQUENCES = LINE_BREAKERS.filter((code) => code >= 0x80).map(utf8);
const EMPTY_LINE = Buffer.from('\n\n');
/** Of a `\\uXXXX`. */
const LONGEST_ESCAPE = 6;

/** Whether a text holds a character, besides LF, that could end a line of the stream. */
export function hasLineBreaker(text: string): boolean {
  return ANY_LINE_BREAKER.test(text);
}

/**
 * Makes lines of an agent's output, bytes with an LF between two, safe to send (contract, section 1). The
 * empty ones are left out, and invalid UTF-8 becomes U+FFFD. A line that looks like JSON keeps its meaning:
 * what would end it becomes an escape, a CR a space; any other line gets a space for each. Nothing else
 * changes. Nearly all output is safe as it is: a search for some bytes tells that at a fraction of what it
 * costs to look at each.
 */
export function safeAgentLines(block: Buffer): Buffer {
  const isValid = isUtf8(block);
  if (isValid && !hasBreakerBytes(block) && !hasEmptyLine(block)) return block;
  return rewritten(isValid ? block : validUtf8(block), (bytes, begin) =>
    beginsLikeJson(bytes, begin) ? IN_JSON : IN_TEXT,
  );
}

/** Makes of each line of a block that is not empty the data of a `log` event. */
export function logDataOf(block: Buffer): Buffer {
  return rewritten(isUtf8(block) ? block : validUtf8(block), () => QUOTED);
}

function validUtf8(block: Buffer): Buffer {
  return Buffer.from(block.toString('utf8'));
}

function hasBreakerBytes(block: Buffer): boolean {
  return (
    SINGLE_BYTES.some((byte) => block.includes(byte)) ||
    (!isAscii(block) && SEQUENCES.some((bytes) => block.includes(bytes)))
  );
}

function hasEmptyLine(block: Buffer): boolean {
  return block[0] === LF || block.at(-1) === LF || block.includes(EMPTY_LINE);
}

function beginsLikeJson(block: Buffer, begin: number): boolean {
  for (let i = begin; i < block.length; i += 1) {
    const char = String.fromCharCode(block[i]!);
    if (char !== ' ' && char !== '\t' && char !== '\r') return '{["'.includes(char);
  }
  return false;
}

/** How the characters of a line are written: most as they are, some as others, with something around it. */
interface Rules {
  before: Buffer;
  after: Buffer;
  /** What is written for a byte; null for most, which stand for themselves. */
  byByte: readonly (Uint8Array | null)[];
  /** The same for characters of several bytes, by their first one. */
  bySequence: readonly ({ bytes: Uint8Array; written: Uint8Array }[] | null)[];
}

function rules(written: ReadonlyMap<number, string>, before = '', after = ''): Rules {
  const byByte = Array.from({ length: 256 }, (_, byte) => {
    const text = byte < 0x80 ? written.get(byte) : undefined;
    return text === undefined ? null : new Uint8Array(Buffer.from(text));
  });
  const sequences = [...written]
    .filter(([code]) => code >= 0x80)
    .map(([code, text]) => ({ bytes: utf8(code), written: new Uint8Array(Buffer.from(text)) }));
  const bySequence = Array.from({ length: 256 }, (_, byte) => {
    const own = sequences.filter(({ bytes }) => bytes[0] === byte);
    return own.length === 0 ? null : own;
  });
  return { before: Buffer.from(before), after: Buffer.from(after), byByte, bySequence };
}

const IN_TEXT = rules(new Map(LINE_BREAKERS.map((code) => [code, ' '])));
const IN_JSON = rules(
  new Map(LINE_BREAKERS.map((code) => [code, code === CR ? ' ' : unicodeEscape(code)])),
);
/** As `JSON.stringify` writes a text, which takes ten times as long where it has to escape much. */
const QUOTED = rules(
  new Map([
    ...LINE_BREAKERS.map((code): [number, string] => [code, unicodeEscape(code)]),
    ...[...Array(0x20).keys(), 0x22, 0x5c].map((code): [number, string] => [
      code,
      JSON.stringify(String.fromCharCode(code)).slice(1, -1),
    ]),
  ]),
  '{"text":"',
  '"}',
);

/**
 * A line may consist of nothing but such characters, and a block of nothing but short lines: each byte is
 * looked at twice, none is decoded, and there is one piece of memory for all.
 */
function rewritten(block: Buffer, rulesOf: (block: Buffer, begin: number) => Rules): Buffer {
  const safe = Buffer.allocUnsafe(roomFor(block, rulesOf(block, 0)));
  let at = 0;
  for (let begin = 0; begin < block.length;) {
    const lineFeed = block.indexOf(LF, begin);
    const end = lineFeed < 0 ? block.length : lineFeed;
    if (end > begin) {
      if (at > 0) safe[at++] = LF;
      at = writeLine(rulesOf(block, begin), block, begin, end, safe, at);
    }
    begin = end + 1;
  }
  return safe.subarray(0, at);
}

/** More bytes than what is written for a block can come to; all rules that may hold for it are alike in that. */
function roomFor(block: Buffer, { before, after, byByte, bySequence }: Rules): number {
  let special = 0;
  let lines = 1;
  for (let i = 0; i < block.length; i += 1) {
    const byte = block[i]!;
    if (byte === LF) lines += 1;
    else if (byByte[byte] !== null || bySequence[byte] !== null) special += 1;
  }
  return block.length + special * LONGEST_ESCAPE + lines * (before.length + after.length);
}

/** @returns where in `safe` the next line goes on */
function writeLine(
  { before, after, byByte, bySequence }: Rules,
  block: Buffer,
  begin: number,
  end: number,
  safe: Buffer,
  from: number,
): number {
  let at = from;
  for (let i = 0; i < before.length; i += 1) safe[at++] = before[i]!;
  for (let i = begin; i < end;) {
    const byte = block[i]!;
    const candidates = bySequence[byte]!;
    const sequence = candidates === null ? null : sequenceAt(block, i, candidates);
    const written = sequence === null ? byByte[byte]! : sequence.written;
    if (written === null) safe[at++] = byte;
    else for (let j = 0; j < written.length; j += 1) safe[at++] = written[j]!;
    i += sequence === null ? 1 : sequence.bytes.length;
  }
  for (let i = 0; i < after.length; i += 1) safe[at++] = after[i]!;
  return at;
}

function sequenceAt<T extends { bytes: Uint8Array }>(
  block: Buffer,
  at: number,
  candidates: readonly T[],
): T | null {
  for (const candidate of candidates) {
    const { bytes } = candidate;
    if (block[at + 1] === bytes[1] && (bytes.length === 2 || block[at + 2] === bytes[2])) {
      return candidate;
    }
  }
  return null;
}

function utf8(code: number): Buffer {
  return Buffer.from(String.fromCharCode(code));
}

function unicodeEscape(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}

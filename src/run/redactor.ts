import { isUtf8 } from 'node:buffer';
import { ByteScanner, type Spans } from '../common/byte-scanner.js';
import { safeAgentLines } from './safe-lines.js';

const REDACTED = Buffer.from('[redacted]');
/** The beginning of a secret that may stay where a line was cut is shorter. */
const MIN_BEGINNING_BYTES = 8;
/** How deep JSON in JSON is looked into. */
const MAX_ESCAPES = 3;
/** Of a secret of several lines, those that are shorter say too little to be looked for alone. */
const MIN_LINE_BYTES = 16;

/**
 * Replaces secrets by `[redacted]`, in the forms in which they may stand in a line of the log. Of those
 * that overlap no part stays.
 */
export class Redactor {
  private readonly patterns: readonly Buffer[];
  private readonly scanner: ByteScanner;

  /** @param secrets each of at least two bytes */
  constructor(secrets: readonly string[]) {
    const forms = new Set(secrets.flatMap((secret) => [...formsOf(secret)]));
    this.patterns = [...forms].map((it) => Buffer.from(it));
    this.scanner = new ByteScanner(this.patterns);
  }

  /**
   * @param block lines with an LF between two, as they will be shown
   * @param isCut the last line lacks its end, which may have been in the middle of a secret
   * @returns the same block where it holds no secret, else a new one
   */
  lines(block: Buffer, isCut = false): Buffer {
    const spans = this.scanner.find(block);
    if (isCut) {
      const start = this.beginningAtEnd(block);
      if (start < block.length) spans.push(start, block.length);
    }
    return spans.length === 0 ? block : replaced(block, united(spans));
  }

  /** The same for a text that need not be valid UTF-8, and is read as if it were. */
  decodedLines(block: Buffer, isCut = false): Buffer {
    return this.lines(isUtf8(block) ? block : Buffer.from(block.toString('utf8')), isCut);
  }

  text(text: string): string {
    const bytes = Buffer.from(text);
    const result = this.lines(bytes);
    return result === bytes ? text : result.toString('utf8');
  }

  /** Where the beginning of a secret starts with which the block ends; its length if there is none. */
  private beginningAtEnd(block: Buffer): number {
    let most = 0;
    for (const pattern of this.patterns) {
      let length = Math.min(pattern.length - 1, block.length);
      while (length > most && !endsWith(block, pattern.subarray(0, length))) length -= 1;
      if (length >= MIN_BEGINNING_BYTES) most = Math.max(most, length);
    }
    return block.length - most;
  }
}

/** Every form of a secret that may stand in a line, as bytes between which there is no end of a line. */
function* formsOf(secret: string): Generator<string> {
  const lines = secret.split(/\r?\n/);
  if (lines.length === 1) {
    yield* formsOfLine(secret);
    return;
  }
  yield* escapedForms(secret);
  for (const line of lines) {
    // The lines around a key in PEM format are the same for all keys.
    const isSecret = Buffer.byteLength(line) >= MIN_LINE_BYTES && !line.startsWith('-----');
    if (isSecret) yield* formsOfLine(line);
  }
}

function* formsOfLine(text: string): Generator<string> {
  // As it is, as plain text is made safe, and as a line of JSON is.
  yield text;
  yield asShown(`.${text}`).slice(1);
  yield asShown(`"${text}`).slice(1);
  yield* escapedForms(text);
}

/**
 * In a JSON string, and in one that is in a JSON string, and once more: the output of a tool in an agent's
 * event may be a line of another agent.
 */
function* escapedForms(text: string): Generator<string> {
  for (const encode of ENCODERS) {
    let escaped = encode(text);
    for (let depth = 1; depth <= MAX_ESCAPES; depth += 1) {
      yield escaped;
      yield asShown(`"${escaped}`).slice(1);
      escaped = inJson(escaped);
    }
  }
}

/** A text as JavaScript puts it into JSON. */
function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function asEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** As other encoders of JSON do: Python's leaves nothing but ASCII, PHP's escapes slashes too, Go's HTML. */
const ENCODERS: readonly ((text: string) => string)[] = [
  inJson,
  (text) => inJson(text).replace(/[^\0-\x7f]/g, asEscape),
  (text) =>
    inJson(text)
      .replace(/[^\0-\x7f]/g, asEscape)
      .replaceAll('/', '\\/'),
  (text) => inJson(text).replace(/[<>&\u2028\u2029]/g, asEscape),
];

/** A line as clients get it. */
function asShown(line: string): string {
  return safeAgentLines(Buffer.from(line)).toString('utf8');
}

function endsWith(block: Buffer, end: Buffer): boolean {
  const start = block.length - end.length;
  return block[start] === end[0] && block.subarray(start).equals(end);
}

/** Puts spans that overlap together, in their place. @param spans in the order of their ends */
function united(spans: Spans): Spans {
  let count = 0;
  for (let next = 0; next < spans.length; next += 2) {
    let start = spans[next]!;
    const end = spans[next + 1]!;
    for (; count > 0 && spans[count - 1]! > start; count -= 2) {
      start = Math.min(start, spans[count - 2]!);
    }
    spans[count] = start;
    spans[count + 1] = end;
    count += 2;
  }
  spans.length = count;
  return spans;
}

/** @param spans that do not overlap, in their order */
function replaced(block: Buffer, spans: Spans): Buffer {
  let length = block.length;
  for (let next = 0; next < spans.length; next += 2) {
    length += spans[next]! + REDACTED.length - spans[next + 1]!;
  }
  const result = Buffer.allocUnsafe(length);
  let from = 0;
  let to = 0;
  // Byte by byte: of parts as short as these a call for each would take several times as long.
  for (let next = 0; next < spans.length; next += 2) {
    while (from < spans[next]!) result[to++] = block[from++]!;
    for (let at = 0; at < REDACTED.length; at += 1) result[to++] = REDACTED[at]!;
    from = spans[next + 1]!;
  }
  block.copy(result, to, from);
  return result;
}

import fc from 'fast-check';
import { safeJson } from './event-frame.js';
import { logDataOf, safeAgentLines } from './safe-lines.js';

/** Everything at which some reader ends a line, and what is easily taken for it. */
const pieces = fc.oneof(
  fc.constantFrom(
    ...['\n', '\r', '\v', '\f', '\x1c', '\x1d', '\x1e', '\x85', '\u2028', '\u2029'],
    ...['\x00', '\x1b', '\x1f', '\u2027', '\u0084', 'é', '€', '🙂', '{"a":1}', '[', ' ', 'text'],
  ),
  fc.string({ maxLength: 3 }),
);
const blocks = fc.oneof(
  fc.array(pieces).map((it) => Buffer.from(it.join(''))),
  fc.uint8Array({ maxLength: 40 }).map((it) => Buffer.from(it)),
);

/** The contract's rule, character by character. */
function safe(line: string): string {
  const isJson = /^[ \t\r]*[{["]/.test(line);
  return line.replace(/[\v\f\r\x1c-\x1e\x85\u2028\u2029]/g, (found) =>
    isJson && found !== '\r' ? `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}` : ' ',
  );
}

describe('the lines of an agent', () => {
  it('are made safe each, without the empty ones, whatever their bytes are', () => {
    fc.assert(
      fc.property(blocks, (block) => {
        const lines = block.toString('utf8').split('\n').filter(Boolean);
        expect(safeAgentLines(block).toString('utf8')).toBe(lines.map(safe).join('\n'));
      }),
      { numRuns: 2000 },
    );
  });

  it('become the data of `log` events as JSON would be written', () => {
    fc.assert(
      fc.property(blocks, (block) => {
        const lines = block.toString('utf8').split('\n').filter(Boolean);
        const data = lines.map((text) => safeJson({ text }));
        expect(logDataOf(block).toString('utf8')).toBe(data.join('\n'));
      }),
      { numRuns: 2000 },
    );
  });
});

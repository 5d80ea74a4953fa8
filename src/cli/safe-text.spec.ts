import { safeJsonLine, safeLine, safeText } from './safe-text.js';

const character = (code: number) => String.fromCodePoint(code);

describe('a text for a terminal', () => {
  it('has nothing in it that a terminal obeys, but ends of lines and tabs', () => {
    for (let code = 0; code < 0x20; code += 1) {
      const shown = safeText(`a${character(code)}b`);
      if (code === 0x09 || code === 0x0a) expect(shown).toBe(`a${character(code)}b`);
      else expect(shown).toBe(`a\\x${code.toString(16).padStart(2, '0')}b`);
    }
    for (let code = 0x7f; code < 0xa0; code += 1) {
      expect(safeText(character(code))).toBe(`\\x${code.toString(16)}`);
    }
    const directions = [0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e];
    for (const code of [...directions, 0x2028, 0x2029, 0x2066, 0x2067, 0x2068, 0x2069]) {
      expect(safeText(character(code))).toBe(`\\u${code.toString(16).padStart(4, '0')}`);
    }
    expect(safeText('\ud800x\udfff')).toBe('\\ud800x\\udfff');
  });

  it('keeps what people write', () => {
    const text = 'Grüße, 日本語, हिन्दी, עברית, 👩‍🔬🏳️‍🌈, e\u0301, \u00a0–“”';
    expect(safeText(text)).toBe(text);
    expect(safeText('a\r\nb\nc')).toBe('a\nb\nc');
  });

  it('is one line where it has to be', () => {
    expect(safeLine(' a\r\n\n  b\tc\x1b')).toBe(' a ⏎ b c\\x1b');
  });

  it('is still the same value as JSON', () => {
    const value = { 'k\u202e': ['\x1b\x9b\u2028\ud800', 1, null] };
    const line = safeJsonLine(value);
    expect(JSON.parse(line)).toEqual(value);
    expect(safeText(line)).toBe(line);
  });
});

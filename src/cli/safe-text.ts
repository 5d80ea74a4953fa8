/**
 * What a terminal would obey instead of showing it: controls (C0, DEL, C1) and what turns the direction of
 * writing; besides, ends of lines that are none to a terminal, and halves of characters.
 */
const UNSAFE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff]|\p{Cs}/gu;

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  const hex = code.toString(16);
  return code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`;
}

/** A text from elsewhere for a terminal: what is not to be shown but obeyed stands escaped in it. */
export function safeText(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(UNSAFE, escaped);
}

/** The same in one line. */
export function safeLine(text: string): string {
  return safeText(text.replace(/[\r\n][\r\n\t ]*/g, ' ⏎ ').replace(/\t/g, ' '));
}

/** A value as JSON in one line, with the same characters escaped as JSON has it. */
export function safeJsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    UNSAFE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

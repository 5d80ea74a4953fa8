import stringWidth from 'string-width';
import { safeLine } from './safe-text.js';

/** Rows as text, their columns below each other; what they hold is escaped. */
export function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(safeLine));
  const widths: number[] = [];
  for (const row of cells) {
    row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, stringWidth(cell))));
  }
  return cells
    .map((row) => {
      const line = row.map((cell, at) => cell + ' '.repeat(widths[at]! - stringWidth(cell)));
      return `${line.join('  ').trimEnd()}\n`;
    })
    .join('');
}

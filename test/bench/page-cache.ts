import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './undo.js';

/**
 * Sees to it that the page cache finds so much memory at hand: writes a file of that size, and removes
 * it. A virtual machine gives memory that it does not use back to its host after some seconds, and gets
 * it again so slowly that a case which writes a large log would measure little else.
 */
export function warmPageCache(bytes: number): void {
  const { folder, remove } = temporaryFolder('bench-pages-');
  const piece = Buffer.alloc(1 << 20, 1);
  const file = openSync(join(folder, 'file'), 'w');
  for (let written = 0; written < bytes; written += piece.length) writeSync(file, piece);
  closeSync(file);
  remove();
}

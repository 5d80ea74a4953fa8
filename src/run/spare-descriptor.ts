import { closeSync, openSync } from 'node:fs';
import { errnoOf } from '../common/errors.js';

const open = () => openSync('/dev/null', 'r');
let spare: number | null = open();

/**
 * Runs something that opens a file for a moment, also while all descriptors of the process are taken:
 * then one that was kept for this is given away meanwhile. The trees of agents can so be seen, and
 * ended, whatever clients do.
 *
 * @param look must be synchronous and leave nothing open: nobody else can take the descriptor then
 */
export function withSpareDescriptor<T>(look: () => T): T {
  // It may not have been there again at once.
  spare ??= openAgain();
  try {
    return look();
  } catch (error) {
    if (errnoOf(error) !== 'EMFILE' || spare === null) throw error;
  }
  closeSync(spare);
  try {
    return look();
  } finally {
    spare = openAgain();
  }
}

function openAgain(): number | null {
  try {
    return open();
  } catch {
    return null;
  }
}

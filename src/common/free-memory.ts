import { MessageChannel } from 'node:worker_threads';

/** Less is not worth it. */
const MIN_BYTES = 16 * 1024;

const { port1: nowhere } = new MessageChannel();
nowhere.close();

/**
 * Gives the memory of a chunk that was read back to the system at once; the chunk is empty then, and
 * nobody else may have it. The collector would do the same, but so late that each chunk is read into
 * memory which the system has to map and clear first: that costs more than all that is done with it.
 */
export function freeMemory(chunk: Buffer): void {
  const memory = chunk.buffer;
  if (memory.byteLength < MIN_BYTES || !(memory instanceof ArrayBuffer)) return;
  // Part of memory that others have parts of, as Node's own slabs are: those cannot be given away.
  if (memory.byteLength !== chunk.byteLength) return;
  // What is transferred through a closed port goes nowhere.
  nowhere.postMessage(null, [memory]);
}

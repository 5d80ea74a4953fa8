import { readFileSync } from 'node:fs';

/** How many files and sockets this process may have open at once; null if the system does not say. */
export function descriptorLimit(): number | null {
  const match = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
  return match === null ? null : Number(match[1]);
}

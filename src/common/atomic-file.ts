import { dirname, basename } from 'node:path';
import { Directory } from './directory.js';

/**
 * Replaces a file by `value` as JSON in one step: a reader sees the old text or the new, never half,
 * also after a power cut.
 */
export async function writeJsonAtomically(path: string, value: unknown): Promise<void> {
  const folder = await Directory.open(dirname(path));
  try {
    await folder.replaceFile(basename(path), `${JSON.stringify(value, null, 2)}\n`, { sync: true });
  } finally {
    await folder.close();
  }
}

import { open } from 'node:fs/promises';

/** Makes sure that the names in a folder are on the disk: a file is only safe from a power cut when its name is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

import { isUtf8 } from 'node:buffer';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RunnerError } from '../common/errors.js';
import type { Wanted } from './overlay-folder.js';
import { isExportable } from './overlay-names.js';
import type { InstalledPackage } from './package-types.js';

/**
 * The top-level entries of a package that are to be linked, in order of name.
 * @param reserved names that none may have, besides those that none ever has
 * @throws {RunnerError} `overlay_refused` if its folder cannot be read
 */
export async function wantedEntries(
  pkg: InstalledPackage,
  reserved: ReadonlySet<string> = new Set(),
): Promise<{ wanted: Wanted[]; missing: string[] }> {
  let present: string[];
  try {
    present = await textNamesIn(pkg.path);
  } catch (cause) {
    throw new RunnerError(
      'overlay_refused',
      `The folder of the package "${pkg.id}" cannot be read; install the package again.`,
      { cause },
    );
  }
  present = present.filter((name) => isExportable(name) && !reserved.has(name)).sort();
  const names = [...new Set(pkg.overlayEntries ?? present)];
  const there = new Set(present);
  return {
    wanted: names
      .filter((name) => there.has(name))
      .map((name) => ({ name, source: join(pkg.path, name) })),
    missing: names.filter((name) => !there.has(name)),
  };
}

/**
 * The names in a folder that are texts in UTF-8. Others could not be written down in the manifest: they
 * are left out, since a link to the text that is shown for one would lead nowhere.
 */
async function textNamesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder, { encoding: 'buffer' });
  return names.filter((name) => isUtf8(name)).map((name) => name.toString());
}

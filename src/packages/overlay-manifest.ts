import { nowUtc } from '../common/clock.js';
import { type Directory, UnsafePathError } from '../common/directory.js';
import { entryNameFault, nameList } from './overlay-names.js';
import { tryNormalizePackageId } from './package-id.js';
import type { LinkedDependency, LinkedEntry, Placed } from './package-types.js';

const MANIFEST_FILE = '.package_manifest.json';
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** What the server has put into a session's `repo/` (contract, section 4). */
export interface OverlayManifest {
  version: 1;
  package_id: string;
  package_path: string;
  requested_entries: string[];
  missing_requested_entries: string[];
  linked_entries: LinkedEntry[];
  collisions: string[];
  configured_dependency_package_ids: string[];
  linked_dependency_packages: LinkedDependency[];
  missing_dependency_packages: string[];
  dependency_collisions: string[];
  updated_at: string;
}

/** What can be believed of a manifest that an agent may have written. */
export interface ReadManifest {
  packageId: string | null;
  entries: LinkedEntry[];
  dependencies: LinkedDependency[];
  /** The text as it stands there, to see whether anything would change. */
  document: Record<string, unknown>;
}

/** Reads the manifest of a session; whatever is not as it should be is left out. */
export async function readManifest(workspace: Directory): Promise<ReadManifest> {
  const document = await readObject(workspace);
  const id = document.package_id;
  return {
    packageId: typeof id === 'string' ? tryNormalizePackageId(id) : null,
    entries: records(document.linked_entries, 'name').filter(
      ({ name }) => entryNameFault(name) === null,
    ),
    dependencies: records(document.linked_dependency_packages, 'package_id').filter(
      ({ package_id }) => tryNormalizePackageId(package_id) === package_id,
    ),
    document,
  };
}

/** Writes the manifest in one step, unless it says the same already. */
export async function writeManifest(
  workspace: Directory,
  manifest: Omit<OverlayManifest, 'updated_at'>,
  present: Record<string, unknown>,
): Promise<void> {
  const same = (key: string) =>
    JSON.stringify(manifest[key as keyof typeof manifest]) === JSON.stringify(present[key]);
  if (Object.keys(manifest).every(same)) return;
  const text = JSON.stringify({ ...manifest, updated_at: nowUtc() }, null, 2);
  if ((await workspace.lstat(MANIFEST_FILE))?.isDirectory()) await workspace.remove(MANIFEST_FILE);
  await workspace.replaceFile(MANIFEST_FILE, `${text}\n`);
}

async function readObject(workspace: Directory): Promise<Record<string, unknown>> {
  try {
    const bytes = await workspace.readFile(MANIFEST_FILE, MAX_MANIFEST_BYTES);
    const value: unknown = bytes === null ? null : JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch (error) {
    if (error instanceof UnsafePathError || error instanceof SyntaxError) return {};
    throw error;
  }
}

/** The records of a list that have the form in which they were written. */
function records<K extends 'name' | 'package_id'>(
  value: unknown,
  key: K,
): (Record<K, string> & Placed)[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is Record<K, string> & Placed => {
    if (typeof item !== 'object' || item === null) return false;
    const record = item as Record<string, unknown>;
    return (
      typeof record[key] === 'string' &&
      nameList([record[key]]).length === 1 &&
      typeof record.source === 'string' &&
      (record.mode === 'symlink' || (record.mode === 'copy' && typeof record.identity === 'string'))
    );
  });
}

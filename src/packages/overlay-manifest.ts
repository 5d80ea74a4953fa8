import { nowUtc } from '../common/clock.js';
import type { Directory } from '../common/directory.js';
import { isJsonObject, jsonObjectIn } from '../common/json.js';
import { UnsafePathError } from '../common/regular-file.js';
import { entryNameFault } from './overlay-names.js';
import { tryNormalizePackageId } from './package-id.js';
import type { LinkedDependency, LinkedEntry, Placed } from './package-types.js';

const MANIFEST_FILE = '.package_manifest.json';
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** Bytes in a name on the file systems of Linux. */
const MAX_NAME_BYTES = 255;
/** How many forged names are reported, and how many characters of each. */
const MAX_REPORTED = 100;

/** What the server has put into a session's `repo/` (contract, section 4). */
interface OverlayManifest {
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
  /** Recorded names that cannot be names of ours, shortened; for the report. */
  refusedEntries: string[];
  refusedDependencies: string[];
  /** What stands there, to see whether anything would change; null if it is not to be read. */
  text: string | null;
  updatedAt: unknown;
}

/** The manifest as it is put together; the time is added when it is written. */
export type ManifestContent = Omit<OverlayManifest, 'updated_at'>;

/** Reads the manifest of a session; whatever is not as it should be is left out. */
export async function readManifest(workspace: Directory): Promise<ReadManifest> {
  const text = await readText(workspace);
  const document = jsonObjectIn(text);
  const id = document.package_id;
  const entries = records(document.linked_entries, 'name');
  const dependencies = records(document.linked_dependency_packages, 'package_id');
  const isEntry = ({ name }: LinkedEntry) =>
    Buffer.byteLength(name) <= MAX_NAME_BYTES && entryNameFault(name) === null;
  const isDependency = ({ package_id: name }: LinkedDependency) =>
    Buffer.byteLength(name) <= MAX_NAME_BYTES && tryNormalizePackageId(name) === name;
  return {
    packageId: typeof id === 'string' ? tryNormalizePackageId(id) : null,
    entries: entries.filter(isEntry),
    dependencies: dependencies.filter(isDependency),
    refusedEntries: shown(entries.filter((it) => !isEntry(it)).map(({ name }) => name)),
    refusedDependencies: shown(
      dependencies.filter((it) => !isDependency(it)).map((it) => it.package_id),
    ),
    text,
    updatedAt: document.updated_at,
  };
}

/**
 * Writes the manifest in one step.
 * @throws the signal's reason
 */
export async function writeManifest(
  workspace: Directory,
  manifest: ManifestContent,
  signal?: AbortSignal,
): Promise<void> {
  if ((await workspace.lstat(MANIFEST_FILE))?.isDirectory()) {
    await workspace.remove(MANIFEST_FILE, signal);
  }
  await workspace.replaceFile(MANIFEST_FILE, textOf(manifest, nowUtc()));
}

/** Whether the manifest that was read says the same. What an agent wrote is compared as text alone. */
export function saysTheSame(present: ReadManifest, manifest: ManifestContent): boolean {
  const { text, updatedAt } = present;
  return typeof updatedAt === 'string' && text === textOf(manifest, updatedAt);
}

function textOf(manifest: ManifestContent, updatedAt: string): string {
  return `${JSON.stringify({ ...manifest, updated_at: updatedAt }, null, 2)}\n`;
}

async function readText(workspace: Directory): Promise<string | null> {
  try {
    const bytes = await workspace.readFile(MANIFEST_FILE, MAX_MANIFEST_BYTES);
    return bytes === null ? null : bytes.toString('utf8');
  } catch (error) {
    if (error instanceof UnsafePathError) return null;
    throw error;
  }
}

function shown(names: string[]): string[] {
  return names.slice(0, MAX_REPORTED).map((name) => name.slice(0, MAX_REPORTED));
}

/** The records of a list that have the form in which they were written; other members are left out. */
function records<K extends 'name' | 'package_id'>(
  value: unknown,
  key: K,
): (Record<K, string> & Placed)[] {
  const found = new Map<string, Record<K, string> & Placed>();
  for (const item of Array.isArray(value) ? (value as unknown[]) : []) {
    if (!isJsonObject(item)) continue;
    const { [key]: name, mode, source, identity } = item;
    if (typeof name !== 'string' || typeof source !== 'string') continue;
    if (mode !== 'symlink' && mode !== 'copy') continue;
    // A copy that other programs recorded has no identity, and so is never taken for ours.
    const known = mode === 'copy' && typeof identity === 'string' ? { identity } : {};
    found.set(name, { [key]: name, mode, source, ...known } as Record<K, string> & Placed);
  }
  return [...found.values()];
}

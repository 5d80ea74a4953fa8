import { INSTRUCTION_ALIASES, INSTRUCTION_FILE } from '../common/instruction-files.js';

/** The folder of `repo/` that holds the dependencies of a package. */
export const DEPENDENCIES_FOLDER = 'external_packages';

/** Names that belong to the session itself, in lower case. */
const RESERVED = new Set(
  [
    INSTRUCTION_FILE,
    ...Object.values(INSTRUCTION_ALIASES),
    'projects',
    'outputs',
    DEPENDENCIES_FOLDER,
  ].map((name) => name.toLowerCase()),
);
const NEVER_EXPORTED = new Set(['__pycache__', 'node_modules']);

/** Why a name cannot be an overlay entry, as the end of a sentence; null if it can. */
export function entryNameFault(name: string): string | null {
  if (name === '' || name === '.' || name === '..') return 'is not a name';
  if (/[/\\\0]/.test(name)) return 'must be a top-level name, without separators';
  if (name.startsWith('.')) return 'must not be hidden';
  if (RESERVED.has(name.toLowerCase())) return 'is reserved for the session itself';
  return null;
}

/** Whether a top-level entry of a package goes into a session's `repo/`. */
export function isExportable(name: string): boolean {
  return entryNameFault(name) === null && !NEVER_EXPORTED.has(name);
}

/** A list of names, or one text with commas; anything else counts as none. Blanks and repeats go. */
export function nameList(value: unknown): string[] {
  const items = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [];
  const names = items.filter((item): item is string => typeof item === 'string');
  return [...new Set(names.map((name) => name.trim()).filter((name) => name !== ''))];
}

import type { PackageContent } from './package-content.js';

/** What the registry stores of a package; whatever else it holds is kept. */
export interface PackageMeta {
  id: string;
  title?: unknown;
  installed_path?: unknown;
  source?: unknown;
  status?: unknown;
  installed_at?: unknown;
  updated_at?: unknown;
  overlay_entries?: unknown;
  dependency_package_ids?: unknown;
  legacy?: unknown;
  /** Of an uploaded package alone. */
  content_hash?: unknown;
  size_bytes?: unknown;
  entry_count?: unknown;
  [other: string]: unknown;
}

/** The registry of scientific packages, as it is worked with. */
export interface Registry {
  activePackageId: string | null;
  packages: Map<string, PackageMeta>;
}

/** A package whose folder is there. */
export interface InstalledPackage {
  id: string;
  path: string;
  /** The top-level names to link; null means all that may be. */
  overlayEntries: string[] | null;
  dependencyIds: string[];
  /** What was uploaded, which is what must be there; null for a package that came another way. */
  uploaded: PackageContent | null;
}

export const LINK_MODES = ['symlink', 'copy'] as const;
export type LinkMode = (typeof LINK_MODES)[number];

/** A link, or where links are impossible a copy, that the server has put into a session. */
export interface Placed {
  mode: LinkMode;
  /** Where the link points, or what was copied. */
  source: string;
  /** Of a copy: device, inode and time of birth, by which it is known again. */
  identity?: string;
}

/** A top-level entry of a package that is linked into `repo/`. */
export interface LinkedEntry extends Placed {
  name: string;
}

/** A dependency that is linked whole. */
export interface LinkedDependency extends Placed {
  package_id: string;
}

/** What `meta` says of a run's overlay (contract, section 4). */
export interface OverlaySummary {
  package_id: string;
  package_path: string;
  linked_count: number;
  collision_count: number;
  collisions: string[];
  requested_entries: string[];
  missing_requested_entries: string[];
  dependency_package_ids: string[];
  linked_dependency_count: number;
  linked_dependency_packages: LinkedDependency[];
  missing_dependency_packages: string[];
  dependency_collision_count: number;
  dependency_collisions: string[];
}

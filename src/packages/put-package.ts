import type { PackageMeta, Registry } from './package-types.js';

/** A package as it is stored now. */
export interface StoredPackage {
  meta: PackageMeta;
  activePackageId: string | null;
  /** There was none of this id before. */
  isNew: boolean;
}

/** Puts a package into the registry, where it may take the place of another one of its id. */
export function putPackage(
  registry: Registry,
  meta: PackageMeta,
): {
  stored: StoredPackage;
  /** The folder of the one before; undefined if there was none, or it is the same. */
  replacedPath: unknown;
  /** The folders of all that are in the registry now. */
  paths: unknown[];
} {
  const known = registry.packages.get(meta.id);
  registry.packages.set(meta.id, meta);
  if (registry.packages.size === 1) registry.activePackageId = meta.id;
  const { activePackageId } = registry;
  return {
    stored: { meta, activePackageId, isNew: known === undefined },
    replacedPath: known?.installed_path === meta.installed_path ? undefined : known?.installed_path,
    paths: [...registry.packages.values()].map((it) => it.installed_path),
  };
}

/** A package that comes another way has nothing of an upload that was there before. */
export function forgetUpload(meta: PackageMeta): void {
  delete meta.content_hash;
  delete meta.size_bytes;
  delete meta.entry_count;
}

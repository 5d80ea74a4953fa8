import { nameList } from './overlay-names.js';
import { PackageBody, PackageDeletionBody, PackageListBody } from './package.answers.js';
import type { PackageMeta, Registry } from './package-types.js';
import type { PackageDeletion } from './packages.service.js';

/** A package as the API shows it; what other programs have stored beside it is left out. */
export function packageBody(meta: PackageMeta, activePackageId: string | null): PackageBody {
  const entries = nameList(meta.overlay_entries);
  return Object.assign(new PackageBody(), {
    id: meta.id,
    title: textOf(meta.title) ?? meta.id,
    active: meta.id === activePackageId,
    installed_path: textOf(meta.installed_path),
    source: textOf(meta.source),
    status: textOf(meta.status),
    installed_at: textOf(meta.installed_at),
    updated_at: textOf(meta.updated_at),
    overlay_entries: entries.length > 0 ? entries : null,
    dependency_package_ids: nameList(meta.dependency_package_ids),
    content_hash: textOf(meta.content_hash),
    size_bytes: countOf(meta.size_bytes),
    entry_count: countOf(meta.entry_count),
  });
}

export function packageListBody({ activePackageId, packages }: Registry): PackageListBody {
  const ids = [...packages.keys()].sort();
  return Object.assign(new PackageListBody(), {
    active_package: activePackageId,
    packages: ids.map((id) => packageBody(packages.get(id)!, activePackageId)),
  });
}

export function deletionBody(deletion: PackageDeletion): PackageDeletionBody {
  return Object.assign(new PackageDeletionBody(), {
    id: deletion.id,
    files_removed: deletion.filesRemoved,
    reason: deletion.reason,
    active_package: deletion.activePackageId,
  });
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function countOf(value: unknown): number | null {
  return Number.isSafeInteger(value) ? (value as number) : null;
}

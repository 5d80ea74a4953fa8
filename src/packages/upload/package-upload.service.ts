import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { nowUtc } from '../../common/clock.js';
import { RunnerError, toRunnerError } from '../../common/errors.js';
import { RunnerConfig } from '../../config/runner-config.js';
import { type IncomingPackage, ManagedStorage } from '../managed-storage.js';
import type { PackageContent } from '../package-content.js';
import { normalizePackageId } from '../package-id.js';
import { PackageRegistry } from '../package-registry.js';
import type { PackageMeta, Registry } from '../package-types.js';
import { putPackage, type StoredPackage } from '../put-package.js';
import { bodyTooLarge } from './archive-intake.js';
import { unpack } from './unpack.js';

/** A package that comes over HTTP. */
export interface Upload {
  /** As the client wrote it. */
  rawId: string;
  body: Readable;
  /** What the client says of the length; null if nothing. */
  declaredBytes: number | null;
  title: string | undefined;
  /** One of this id may be there already. */
  replace: boolean;
}

/** Takes packages into the managed storage: the whole of one, or nothing. */
@Injectable()
export class PackageUploadService {
  constructor(
    private readonly config: RunnerConfig,
    private readonly registry: PackageRegistry,
    private readonly storage: ManagedStorage,
  ) {}

  /**
   * Unpacks an archive and registers it; the first package becomes the active one. It lies beside the
   * packages under a name of no package until it is whole and on the disk; then the registry is written.
   * A server that is killed before that leaves a rest that the next one removes.
   * @throws {RunnerError} `package_exists`, `package_invalid`, `package_too_large`, `body_too_large`,
   *   `request_timeout`, `registry_unreadable`, `disk_full`, `too_many_files`
   */
  async receive(upload: Upload): Promise<StoredPackage> {
    const id = normalizePackageId(upload.rawId);
    const { maxBytes } = this.config.packages;
    if ((upload.declaredBytes ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
    // Before a byte is read that could not be kept.
    requirePlace(await this.registry.readStrictly(), id, upload.replace);
    const incoming = await this.storage.receive();
    let isKept = false;
    try {
      await unpack(upload.body, incoming.folder, this.config.packages);
      const content = await incoming.seal();
      const { stored, replacedPath, paths } = await this.registry.mutate(async (registry) => {
        // Another upload of this id may have been faster.
        requirePlace(registry, id, upload.replace);
        return putPackage(registry, await metaOf(registry, id, upload, incoming, content));
      });
      isKept = true;
      await this.storage.removeReplaced(replacedPath, paths);
      return stored;
    } catch (error) {
      throw toRunnerError(error);
    } finally {
      await incoming.end(isKept);
    }
  }
}

function requirePlace(registry: Registry, id: string, replace: boolean): void {
  if (replace || !registry.packages.has(id)) return;
  throw new RunnerError(
    'package_exists',
    `There is a package "${id}" already; delete it, or send the archive with ?replace=true.`,
  );
}

async function metaOf(
  { packages }: Registry,
  id: string,
  { title }: Upload,
  incoming: IncomingPackage,
  { hash, bytes, entries }: PackageContent,
): Promise<PackageMeta> {
  const known = packages.get(id);
  return {
    ...known,
    id,
    title: title ?? known?.title ?? id,
    installed_path: await incoming.keep(id),
    source: 'upload',
    status: 'installed',
    content_hash: hash,
    size_bytes: bytes,
    entry_count: entries,
    installed_at: known?.installed_at ?? nowUtc(),
    updated_at: nowUtc(),
  };
}

import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { Directory } from '../common/directory.js';
import { readManifest, type ReadManifest } from '../packages/overlay-manifest.js';
import { DEPENDENCIES_FOLDER } from '../packages/overlay-names.js';
import { PackageResolver } from '../packages/package-resolver.js';
import type { SessionPath } from './session-path.js';

/** What a link of the overlay leads to: a package's folder, or an entry of it. */
export interface OverlayTarget {
  /** Open; the caller closes it. */
  folder: Directory;
  /** Null for the folder itself. */
  name: string | null;
}

/**
 * Knows which links of a session are those that the server has made. An agent may write what it likes into
 * the manifest, and link what it likes: a link is the overlay's only where it leads to just the place in a
 * registered package that its own place stands for.
 */
@Injectable()
export class OverlayLinks {
  constructor(private readonly packages: PackageResolver) {}

  /** The links of a session, by a look at its manifest and the registry. */
  async of(workspace: Directory): Promise<LinksOfSession> {
    const manifest = await readManifest(workspace);
    const ids = manifest.dependencies.map((it) => it.package_id);
    if (manifest.packageId !== null) ids.push(manifest.packageId);
    const present = await this.packages.present(ids);
    return new LinksOfSession(manifest, new Map([...present].map(([id, { path }]) => [id, path])));
  }
}

/** The links that the server has made in one session, as far as they are still there. */
export class LinksOfSession {
  /** @param packages the folders of packages, by id */
  constructor(
    private readonly manifest: ReadManifest,
    private readonly packages: ReadonlyMap<string, string>,
  ) {}

  /** Whether the link at a place, which has this text, is the overlay's. */
  isOurs(path: SessionPath, text: string): boolean {
    return this.rootOf(path, text) !== null;
  }

  /**
   * Opens what such a link leads to. The way to the package's folder is the administrator's; from there
   * on no link is followed.
   * @returns null for a link that is not the overlay's
   */
  async open(path: SessionPath, text: string): Promise<OverlayTarget | null> {
    const root = this.rootOf(path, text);
    if (root === null) return null;
    const folder = await Directory.open(await realpath(root));
    return { folder, name: path.length === 1 ? path[0]! : null };
  }

  private rootOf([first, second, ...rest]: SessionPath, text: string): string | null {
    if (first === undefined || rest.length > 0) return null;
    const { manifest } = this;
    if (second === undefined) {
      const root = this.packages.get(manifest.packageId ?? '');
      const isRecorded = manifest.entries.some(
        ({ name, mode, source }) => name === first && mode === 'symlink' && source === text,
      );
      return isRecorded && root !== undefined && text === join(root, first) ? root : null;
    }
    if (first !== DEPENDENCIES_FOLDER) return null;
    const root = this.packages.get(second);
    const isRecorded = manifest.dependencies.some(
      (it) => it.package_id === second && it.mode === 'symlink' && it.source === text,
    );
    return isRecorded && root === text ? root : null;
  }
}

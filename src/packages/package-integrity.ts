import { Injectable } from '@nestjs/common';
import { untilAborted } from '../common/abort.js';
import { errnoOf, RunnerError } from '../common/errors.js';
import {
  contentOf,
  type Fingerprint,
  fingerprintOf,
  type PackageContent,
  UnexpectedContentError,
} from './package-content.js';
import type { InstalledPackage } from './package-types.js';

/**
 * How old the latest change must be, in milliseconds, for a fingerprint to be believed: file systems
 * count time in steps, and of two changes within one step the second cannot be seen.
 */
const SETTLED_MS = 2000;
/** What the system says of entries that are not what an upload has put there. */
const CHANGED = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENXIO', 'EISDIR']);

interface Checks {
  underWay: Promise<void>;
  next: Promise<void> | null;
}

/**
 * Sees to it that an uploaded package is linked only as it was uploaded. It is read whole once in the
 * life of a server; from then on its entries are only looked at, and it is read again when one of them
 * has been touched.
 */
@Injectable()
export class PackageIntegrity {
  /** By folder: what it looked like when it was last found to be what it should be. */
  private readonly known = new Map<string, Fingerprint & { hash: string }>();
  private readonly checks = new Map<string, Checks>();

  /**
   * Does nothing for a package that was not uploaded.
   * @throws {RunnerError} `package_modified`
   * @throws the signal's reason
   */
  async require({ id, path, uploaded }: InstalledPackage, signal?: AbortSignal): Promise<void> {
    if (uploaded === null) return;
    try {
      await untilAborted(this.check(path, uploaded), signal);
    } catch (cause) {
      if (!isChange(cause)) throw cause;
      throw new RunnerError(
        'package_modified',
        `The files of the package "${id}" are not those that were uploaded; it has to be uploaded again.`,
        { cause },
      );
    }
  }

  /**
   * Runs that start meanwhile share a check, but never one that had begun before they asked: it may
   * have passed what was changed since.
   */
  private check(path: string, content: PackageContent): Promise<void> {
    const key = `${content.hash} ${path}`;
    const checks = this.checks.get(key);
    if (checks === undefined) return this.begin(key, path, content);
    checks.next ??= checks.underWay
      .catch(() => undefined)
      .then(() => this.begin(key, path, content));
    return checks.next;
  }

  private begin(key: string, path: string, content: PackageContent): Promise<void> {
    const checks: Checks = { underWay: this.compare(path, content), next: null };
    this.checks.set(key, checks);
    const done = () => {
      if (checks.next === null) this.checks.delete(key);
    };
    checks.underWay.then(done, done);
    return checks.underWay;
  }

  private async compare(path: string, content: PackageContent): Promise<void> {
    const startedMs = Date.now();
    const before = await fingerprintOf(path, content.entries);
    if (before === null) throw new UnexpectedContentError('too many entries');
    const known = this.known.get(path);
    if (known?.print === before.print && known.hash === content.hash) return;
    this.known.delete(path);
    const { hash } = await contentOf(path, content);
    if (hash !== content.hash) throw new UnexpectedContentError('another content');
    const after = await fingerprintOf(path, content.entries);
    const isSettled = before.newestMs + SETTLED_MS < startedMs;
    if (isSettled && after?.print === before.print) this.known.set(path, { ...before, hash });
  }
}

function isChange(error: unknown): boolean {
  return error instanceof UnexpectedContentError || CHANGED.has(errnoOf(error) ?? '');
}

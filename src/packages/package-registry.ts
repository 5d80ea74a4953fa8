import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { untilAborted } from '../common/abort.js';
import { writeAtomically } from '../common/atomic-file.js';
import { nowUtc } from '../common/clock.js';
import { isJsonObject } from '../common/json.js';
import { isDanglingLink, readRegularFile, UnsafePathError } from '../common/regular-file.js';
import { RunnerError } from '../common/errors.js';
import { lockFile } from '../common/file-lock.js';
import { RunnerConfig } from '../config/runner-config.js';
import { tryNormalizePackageId } from './package-id.js';
import type { PackageMeta, Registry } from './package-types.js';

const MAX_REGISTRY_BYTES = 16 * 1024 * 1024;
const LOCK_FILE = '.registry.lock';
/** How long a change waits for another program that holds the lock. */
const LOCK_WAIT_SECONDS = 30;

/** The file `registry.json` of the scientific packages, which other programs change too. */
@Injectable()
export class PackageRegistry {
  private lastChange: Promise<unknown> = Promise.resolve();

  constructor(private readonly config: RunnerConfig) {}

  /** Reads the registry; one that is missing or cannot be read counts as empty. */
  async read(): Promise<Registry> {
    return registryOf((await this.readDocument().catch(() => null)) ?? {});
  }

  /**
   * Reads the registry to change it afterwards.
   * @throws {RunnerError} `registry_unreadable` where `mutate` would
   */
  async readStrictly(): Promise<Registry> {
    return registryOf((await this.readDocument()) ?? {});
  }

  /**
   * Changes the registry under the lock and replaces the file in one step, unless nothing has changed.
   * @throws {RunnerError} `registry_unreadable` if the file is there but does not hold a registry: it
   *   is never overwritten
   * @throws the signal's reason; a change whose turn had come may be made all the same
   */
  async mutate<T>(
    change: (registry: Registry) => T | Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    // One at a time within this server: each change would otherwise keep a `flock` waiting.
    const result = this.lastChange.then(() => {
      signal?.throwIfAborted();
      return this.mutateLocked(change, signal);
    });
    this.lastChange = result.catch(() => undefined);
    return untilAborted(result, signal);
  }

  private get file(): string {
    return join(this.config.scientificPackagesRoot, 'registry.json');
  }

  private async mutateLocked<T>(
    change: (registry: Registry) => T | Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const root = this.config.scientificPackagesRoot;
    const lock = await lockFile(join(root, LOCK_FILE), LOCK_WAIT_SECONDS, { signal }).catch(
      (cause: unknown) => {
        if (!(cause instanceof UnsafePathError)) throw cause;
        throw new RunnerError(
          'registry_unreadable',
          `The lock of the package registry (${LOCK_FILE}) is ${cause.found}, but it must be ${cause.expected}; remove it.`,
          { cause },
        );
      },
    );
    if (lock === null) {
      throw new RunnerError(
        'registry_unreadable',
        `The package registry was locked by another program for ${LOCK_WAIT_SECONDS} seconds; try again.`,
      );
    }
    try {
      const document = await this.readDocument();
      const registry = registryOf(document ?? {});
      const result = await change(registry);
      const changed = {
        ...document,
        version: 1,
        active_package: registry.activePackageId,
        packages: Object.fromEntries(registry.packages),
      };
      if (textOf(changed) !== textOf(document)) {
        await writeAtomically(this.file, textOf({ ...changed, updated_at: nowUtc() }));
      }
      return result;
    } finally {
      await lock.release();
    }
  }

  /** The object in the file, or null if there is no file. */
  private async readDocument(): Promise<Record<string, unknown> | null> {
    let cause: unknown;
    try {
      const bytes = await readRegularFile(this.file, MAX_REGISTRY_BYTES, { followLink: true });
      if (bytes === null) {
        if (!(await isDanglingLink(this.file))) return null;
        throw new Error('it is a link that leads nowhere');
      }
      // Bytes that are no UTF-8 would be lost when the file is written again.
      const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      const document: unknown = JSON.parse(text);
      if (isJsonObject(document) && isJsonObject(document.packages ?? {})) return document;
    } catch (error) {
      cause = error;
    }
    throw unreadable(cause);
  }
}

function unreadable(cause: unknown): RunnerError {
  return new RunnerError(
    'registry_unreadable',
    'The package registry (registry.json) exists but cannot be read as one; repair or remove it.',
    { cause },
  );
}

/** @throws {RunnerError} `registry_unreadable` for what is nested too deeply to be written again */
function textOf(document: unknown): string {
  try {
    return `${JSON.stringify(document, null, 2)}\n`;
  } catch (error) {
    throw unreadable(error);
  }
}

function registryOf(document: Record<string, unknown>): Registry {
  const packages = new Map<string, PackageMeta>();
  const stored = isJsonObject(document.packages) ? document.packages : {};
  for (const [rawId, meta] of Object.entries(stored)) {
    const id = tryNormalizePackageId(rawId);
    if (id === null || !isJsonObject(meta)) continue;
    // Of two spellings of one id, the one in normal form counts.
    if (rawId === id || !packages.has(id)) packages.set(id, { ...meta, id });
  }
  const active = document.active_package;
  const activeId = typeof active === 'string' ? tryNormalizePackageId(active) : null;
  return {
    activePackageId: activeId !== null && packages.has(activeId) ? activeId : null,
    packages,
  };
}

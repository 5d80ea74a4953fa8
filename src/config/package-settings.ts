import { join } from 'node:path';
import type { Environment } from './environment.js';
import { absolute } from './folders.js';

/** What is configured for changing packages over HTTP. */
export interface PackageSettings {
  /** Folders under which a path may be registered. */
  readonly paths: readonly string[];
  /** Bytes of an uploaded archive as it is sent. */
  readonly maxBytes: number;
  /** Bytes of it when it is unpacked, headers and padding included. */
  readonly maxUnpackedBytes: number;
  /** Files and folders in it. */
  readonly maxEntries: number;
  /** How many times larger than the archive its content may be, beyond the first 32 MiB. */
  readonly maxRatio: number;
  /** Seconds without a byte of the client after which an upload is given up. */
  readonly idleSeconds: number;
}

/** @param root the root of the scientific packages, which holds the managed storage */
export function packageSettings(values: Environment, root: string): PackageSettings {
  const paths = values.FERMILINK_PACKAGE_PATHS?.split(/[,:]/)
    .map((path) => path.trim())
    .filter((path) => path !== '')
    .map((path) => absolute(path, path));
  return {
    paths: paths ?? [join(root, 'packages')],
    maxBytes: values.FERMILINK_RUNNER_MAX_PACKAGE_BYTES,
    maxUnpackedBytes: values.FERMILINK_RUNNER_MAX_PACKAGE_UNPACKED_BYTES,
    maxEntries: values.FERMILINK_RUNNER_MAX_PACKAGE_ENTRIES,
    maxRatio: values.FERMILINK_RUNNER_MAX_PACKAGE_RATIO,
    idleSeconds: values.FERMILINK_RUNNER_UPLOAD_IDLE_SECONDS,
  };
}

import type { FileEntry } from '../../client/index.js';
import { connect } from '../connection.js';
import type { ConnectionOptions } from '../options.js';
import { safeJsonLine } from '../safe-text.js';
import { table } from '../table.js';

interface Options extends ConnectionOptions {
  json?: boolean;
}

/** `fermilink-runner files`: what a folder of a session holds. */
export async function files(
  sessionId: string,
  folder: string | undefined,
  options: Options,
): Promise<void> {
  const { client } = connect(options);
  const rows: string[][] = [];
  for await (const entry of client.session(sessionId).list(folder?.replace(/\/$/, ''))) {
    if (options.json === true) process.stdout.write(`${safeJsonLine(entry)}\n`);
    else rows.push(rowOf(entry));
  }
  process.stdout.write(table(rows));
}

function rowOf(entry: FileEntry): string[] {
  const { name, type, size, modified_at, target } = entry;
  const shown = {
    file: name,
    folder: `${name}/`,
    link: `${name} -> ${target ?? '?'}`,
    other: name,
  };
  return [size === null ? '-' : String(size), modified_at, shown[type]];
}

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { PackageBody } from '../../client/index.js';
import { connect } from '../connection.js';
import { UsageError } from '../failure.js';
import type { ConnectionOptions } from '../options.js';
import { safeJsonLine, safeLine } from '../safe-text.js';
import { table } from '../table.js';

interface Options extends ConnectionOptions {
  json?: boolean;
}

const say = (text: string) => process.stdout.write(`${text}\n`);

/** `fermilink-runner packages list` */
export async function list(options: Options): Promise<void> {
  const { packages } = await connect(options).client.packages.list();
  if (options.json === true) {
    for (const it of packages) say(safeJsonLine(it));
    return;
  }
  const rows = packages.map((it) => [
    it.active ? '*' : '',
    it.id,
    it.title,
    it.status ?? '-',
    it.size_bytes === null ? '-' : String(it.size_bytes),
    it.source ?? '-',
  ]);
  process.stdout.write(table([['', 'PACKAGE', 'TITLE', 'STATUS', 'BYTES', 'SOURCE'], ...rows]));
}

/** `fermilink-runner packages show` */
export async function show(id: string, options: Options): Promise<void> {
  tell(await connect(options).client.packages.get(id), options);
}

/** `fermilink-runner packages register` */
export async function register(
  id: string,
  path: string,
  { title, ...options }: Options & { title?: string },
): Promise<void> {
  tell(await connect(options).client.packages.register({ id, path, title }), options);
}

/** `fermilink-runner packages upload` */
export async function upload(
  id: string,
  file: string,
  { title, replace, ...options }: Options & { title?: string; replace?: boolean },
): Promise<void> {
  const { client } = connect(options);
  const stats = await stat(file).catch(() => null);
  if (stats?.isFile() !== true) {
    const advice = 'It is made with: tar -czf FILE -C FOLDER .';
    throw new UsageError(`${JSON.stringify(file)} is no file; name a tar.gz. ${advice}`);
  }
  const archive = Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>;
  tell(await client.packages.upload(id, archive, { title, replace }), options);
}

/** `fermilink-runner packages activate` */
export async function activate(id: string, options: Options): Promise<void> {
  tell(await connect(options).client.packages.activate(id), options);
}

/** `fermilink-runner packages overlay` */
export async function overlay(id: string, names: string[], options: Options): Promise<void> {
  tell(await connect(options).client.packages.setOverlay(id, names), options);
}

/** `fermilink-runner packages depend` */
export async function depend(id: string, ids: string[], options: Options): Promise<void> {
  tell(await connect(options).client.packages.setDependencies(id, ids), options);
}

/** `fermilink-runner packages remove` */
export async function remove(id: string, options: Options): Promise<void> {
  const removed = await connect(options).client.packages.delete(id);
  if (options.json === true) return void say(safeJsonLine(removed));
  const files = removed.files_removed
    ? 'its files are removed'
    : `its files stay: ${safeLine(removed.reason ?? 'the server does not say why')}`;
  say(`${safeLine(removed.id)} is no package any more; ${files}`);
  say(`active now: ${safeLine(removed.active_package ?? 'none')}`);
}

function tell(it: PackageBody, { json }: Options): void {
  if (json === true) return void say(safeJsonLine(it));
  const rows = Object.entries(it)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') || 'none' : String(value),
    ]);
  process.stdout.write(table(rows));
}

import { gzipSync } from 'node:zlib';

const BLOCK = 512;

/** An entry as a hostile hand would write it: every field may be anything. */
export interface TarEntry {
  name: string | Buffer;
  content?: string | Buffer;
  /** The type flag; `0` is a file, `5` a folder. */
  type?: string;
  mode?: number;
  /** In the place of the content's real size. */
  size?: number;
  /** In the place of the digits of the size: twelve bytes. */
  sizeField?: Buffer;
  link?: string;
  prefix?: string;
  /** In the place of the right one. */
  checksum?: number;
}

/** One entry: its header and its content, filled up to whole blocks. */
export function tarEntry(entry: TarEntry): Buffer {
  const content = Buffer.from(entry.content ?? '');
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number) =>
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  Buffer.from(entry.name).copy(header, 0, 0, 100);
  octal(entry.mode ?? 0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(entry.size ?? content.length, 124, 11);
  entry.sizeField?.copy(header, 124);
  octal(0, 136, 11);
  header.write(entry.type ?? '0', 156, 'latin1');
  header.write(entry.link ?? '', 157, 'utf8');
  header.write('ustar\x0000', 257, 'latin1');
  header.write(entry.prefix ?? '', 345, 'utf8');
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  octal(entry.checksum ?? sum, 148, 6);
  const filler = (BLOCK - (content.length % BLOCK)) % BLOCK;
  return Buffer.concat([header, content, Buffer.alloc(filler)]);
}

/** The mark of the end of an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/** A whole archive. */
export function tar(...entries: TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), TAR_END]);
}

export function tarGz(...entries: TarEntry[]): Buffer {
  return gzipSync(tar(...entries));
}

/** A header of PAX for the entry that follows. */
export function pax(records: Record<string, string>, type = 'x'): TarEntry {
  const text = Object.entries(records).map(([name, value]) => {
    const rest = Buffer.byteLength(` ${name}=${value}\n`);
    let length = rest + String(rest).length;
    if (rest + String(length).length !== length) length += 1;
    return `${length} ${name}=${value}\n`;
  });
  return { name: 'PaxHeader', type, content: text.join('') };
}

/** A name of any length, as GNU writes one before its entry. */
export function gnuLongName(name: string): TarEntry {
  return { name: '././@LongLink', type: 'L', content: `${name}\0` };
}

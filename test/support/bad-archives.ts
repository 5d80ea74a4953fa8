import { gzipSync } from 'node:zlib';
import { gnuLongName, pax, tar, TAR_END, tarEntry, type TarEntry, tarGz } from './tar.js';

/** A small file. */
export const file = (name: string): TarEntry => ({ name, content: 'x' });
/** A size as GNU writes a large one. */
export const binary = (size: bigint) => {
  const field = Buffer.alloc(12);
  field[0] = 0x80;
  field.writeBigUInt64BE(size, 4);
  return field;
};
/** Archives of which nothing may be unpacked, and a part of the sentence that says why. */
export const BAD_ARCHIVES: [string, Buffer, string][] = [
  ['an absolute name', tarGz(file('/nowhere/x')), 'is an absolute path'],
  ['a name that leads out', tarGz(file('../x')), 'leads out'],
  ['a name that leads out on the way', tarGz(file('a/../../x')), 'leads out'],
  ['a name that leads out behind ./', tarGz(file('./../x')), 'leads out'],
  ['a folder that leads out', tarGz({ name: 'a/..', type: '5' }), 'leads out'],
  ['a prefix that leads out', tarGz({ ...file('x'), prefix: '..' }), 'leads out'],
  ['a dot on the way', tarGz(file('a/./x')), 'has an empty part'],
  ['a slash too many', tarGz(file('a//x')), 'has an empty part'],
  ['a file that is the top', tarGz(file('.')), 'its top is a file'],
  ['no name', tarGz(file('')), 'has no name'],
  ['a name that is no UTF-8', tarGz({ name: Buffer.from([0x61, 0xff]) }), 'is not UTF-8'],
  ['a NUL in a name of PAX', tarGz(pax({ path: 'a\0b' }), file('a')), 'holds a NUL'],
  ['an absolute name of PAX', tarGz(pax({ path: '/x' }), file('a')), 'is an absolute path'],
  ['a name of GNU that leads out', tarGz(gnuLongName('a/../../b'), file('a')), 'leads out'],
  ['a long part', tarGz(pax({ path: 'n'.repeat(256) }), file('a')), 'a part of over 255'],
  ['a long name', tarGz(pax({ path: 'long/'.repeat(250) }), file('a')), 'over 1024 bytes'],
  ['a deep name', tarGz(pax({ path: 'a/'.repeat(40) }), file('a')), 'over 32 folders deep'],
  ['a file twice', tarGz(file('a'), file('./a')), '"./a" is in it twice'],
  ['a file for a folder', tarGz(file('a/b'), file('a')), '"a" is in it twice'],
  ['a folder for a file', tarGz(file('a'), { name: 'a/', type: '5' }), 'there is a file where'],
  ['a file as a folder', tarGz(file('a'), file('a/b')), 'there is a file where'],
  ['a file as a folder above', tarGz(file('a'), file('a/b/c')), 'there is a file where'],
  ['a symbolic link', tarGz({ name: 'a', type: '2', link: '/etc' }), 'is a symbolic link'],
  ['a hard link', tarGz(file('a'), { name: 'b', type: '1', link: 'a' }), 'is a hard link'],
  ['a character device', tarGz({ name: 'a', type: '3' }), 'is a device'],
  ['a block device', tarGz({ name: 'a', type: '4' }), 'is a device'],
  ['a FIFO', tarGz({ name: 'a', type: '6' }), 'is a FIFO'],
  ['a contiguous file', tarGz({ name: 'a', type: '7' }), 'of a kind of its own'],
  ['a sparse file', tarGz({ name: 'a', type: 'S' }), 'of a kind of its own'],
  ['a sparse file of PAX', tarGz(pax({ 'GNU.sparse.major': '1' }), file('a')), 'a sparse file'],
  ['another volume', tarGz({ name: 'a', type: 'M' }), 'of a kind of its own'],
  ['a folder with a size', tarGz({ name: 'a', type: '5', content: 'x' }), 'has a size'],
  ['another size in PAX', tarGz(pax({ size: '0' }), file('a')), 'contradict each other'],
  ['no size in PAX', tarGz(pax({ size: 'x' }), file('a')), 'damaged'],
  [
    'a size for all in PAX',
    tarGz(pax({ size: '9' }, 'g'), pax({ a: 'b' }), file('a')),
    'contradict',
  ],
  ['an empty header of PAX', tarGz(pax({}), file('a')), 'is empty'],
  ['an old long name of GNU', tarGz({ name: 'l', type: 'N', size: 5000 }), 'too long'],
  ['a size beyond the end', tarGz({ ...file('a'), size: 4000 }), 'ends before the mark'],
  ['a size below the content', tarGz({ name: 'a', content: 'x'.repeat(600), size: 1 }), 'damaged'],
  ['a huge binary size', tarGz({ ...file('a'), sizeField: binary(1n << 62n) }), 'no number'],
  ['a large binary size', tarGz({ ...file('a'), sizeField: binary(1n << 40n) }), 'ends before'],
  ['a negative size', tarGz({ ...file('a'), sizeField: Buffer.alloc(12, 0xff) }), 'no number'],
  ['a size in words', tarGz({ ...file('a'), sizeField: Buffer.from('many bytes!!') }), 'no num'],
  ['a wrong checksum', tarGz({ ...file('a'), checksum: 1 }), 'damaged'],
  ['a header that is only a checksum', tarGz({ name: '', mode: 0, type: '\0' }), 'has no name'],
  ['a long header of PAX', tarGz(pax({ a: 'x'.repeat(70_000) }), file('a')), 'too long'],
  ['a long header for all', tarGz(pax({ a: 'x'.repeat(5000) }, 'g'), file('a')), 'too long'],
  ['a long name of GNU', tarGz(gnuLongName('x'.repeat(5000)), file('a')), 'too long'],
  ['nothing', tarGz(), 'it holds nothing'],
  ['nothing but its top', tarGz({ name: './', type: '5' }), 'it holds nothing'],
  ['no end', gzipSync(tarEntry(file('a'))), 'ends before the mark'],
  ['half an entry', gzipSync(tarEntry(file('a')).subarray(0, 513)), 'ends before the mark'],
  ['more after the end', gzipSync(Buffer.concat([TAR_END, tar(file('a'))])), 'follows the mark'],
  ['two archives in one', Buffer.concat([tarGz(file('a')), tarGz(file('b'))]), 'follows the mark'],
  ['garbage behind it', Buffer.concat([tarGz(file('a')), Buffer.from('garbage')]), 'damaged'],
  ['zeros behind it', Buffer.concat([tarGz(file('a')), Buffer.alloc(99)]), 'follows its'],
  ['half a gzip', tarGz(file('a'), file('b')).subarray(0, 100), 'damaged'],
  ['a gzip without its last byte', tarGz(file('a')).subarray(0, -1), 'damaged'],
  ['no compression', tar(file('a')), 'compressed with gzip'],
  ['JSON', Buffer.from('{}'), 'compressed with gzip'],
  ['no bytes', Buffer.alloc(0), 'damaged'],
  ['another content', gzipSync('x'.repeat(2000)), 'no number'],
];

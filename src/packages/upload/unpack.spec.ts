import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { createGzip, gzipSync } from 'node:zlib';
import { BAD_ARCHIVES, binary, file } from '../../../test/support/bad-archives.js';
import { PACKAGE_SETTINGS } from '../../../test/support/packages.js';
import { gnuLongName, pax, tar, tarEntry, tarGz } from '../../../test/support/tar.js';
import { unpack } from './unpack.js';

describe('unpacking an archive', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fermilink-unpack-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const take = (archive: Buffer | Readable, settings: Partial<typeof PACKAGE_SETTINGS> = {}) =>
    unpack(Buffer.isBuffer(archive) ? Readable.from([archive]) : archive, folder, {
      ...PACKAGE_SETTINGS,
      ...settings,
    });
  const read = (path: string) => readFileSync(join(folder, path), 'utf8');
  const modeOf = (path: string) => statSync(join(folder, path)).mode & 0o7777;

  it('makes files and folders, with no permission to write, whatever the archive says', async () => {
    await take(
      tarGz(
        { name: './', type: '5' },
        { name: './a/', type: '5', mode: 0o7777 },
        { name: './a/b.txt', content: 'hello', mode: 0o666 },
        { name: 'run.sh', content: '#!', mode: 0o4755 },
        { name: 'deep/er/c', content: 'x'.repeat(1000) },
        { name: 'deep/', type: '5' },
        { name: 'empty', content: '' },
      ),
    );
    expect(read('a/b.txt')).toBe('hello');
    expect(read('deep/er/c')).toHaveLength(1000);
    expect(['a/b.txt', 'run.sh', 'empty'].map(modeOf)).toEqual([0o444, 0o555, 0o444]);
    expect(readdirSync(folder).sort()).toEqual(['a', 'deep', 'empty', 'run.sh']);
  });

  it('knows long names in every form, and names of any script', async () => {
    const long = `${'d'.repeat(120)}/${'f'.repeat(120)}`;
    await take(
      tarGz(
        { name: 'file', prefix: 'in/prefix', content: '1' },
        gnuLongName(`gnu/${long}`),
        { name: 'gnu', content: '2' },
        pax({ comment: '0123', git: 'x' }, 'g'),
        pax({ path: `pax/${long}/ü漢`, mtime: '1.5', size: '1' }),
        { name: 'pax', content: '3' },
        { name: 'back\\slash :"*?', content: '4' },
      ),
    );
    expect(read('in/prefix/file')).toBe('1');
    expect(read(`gnu/${long}`)).toBe('2');
    expect(read(`pax/${long}/ü漢`)).toBe('3');
    expect(read('back\\slash :"*?')).toBe('4');
  });

  it('takes an archive byte by byte, and one that was compressed in parts', async () => {
    const plain = tar({ name: 'a', content: 'x'.repeat(700) }, { name: 'b', content: 'y' });
    const parts = Buffer.concat([gzipSync(plain.subarray(0, 800)), gzipSync(plain.subarray(800))]);
    await take(Readable.from([...parts].map((byte) => Buffer.from([byte]))));
    expect([read('a').length, read('b')]).toEqual([700, 'y']);
  });

  it.each(BAD_ARCHIVES)('refuses %s', async (_what, archive, rule) => {
    await expect(take(archive)).rejects.toMatchObject({
      code: 'package_invalid',
      detail: expect.stringContaining(rule),
      facts: { requested: true },
    });
    expect(existsSync(join(folder, '..', 'x'))).toBe(false);
  });

  it('refuses a gzip with a wrong sum', async () => {
    const archive = tarGz(file('a'));
    archive[archive.length - 6]! ^= 1;
    await expect(take(archive)).rejects.toMatchObject({ code: 'package_invalid' });
  });

  it('shows names without what could fool a reader, and not at length', async () => {
    const name = `../\u202e\n"${'n'.repeat(300)}`;
    const error = await take(tarGz(pax({ path: name }), file('a'))).catch((it: unknown) => it);
    const { detail } = error as { detail: string };
    expect(detail).toContain('"../???nnn');
    expect(detail.length).toBeLessThan(200);
  });

  const zeros = (bytes: number) =>
    (function* () {
      const block = Buffer.alloc(1024 * 1024);
      for (let made = 0; made < bytes; made += block.length) yield block;
    })();
  const gzip = (content: Iterable<Buffer>) => Readable.from(content).pipe(createGzip());

  it.each<[string, () => Buffer | Readable, Partial<typeof PACKAGE_SETTINGS>]>([
    [
      'more entries than are allowed',
      () => tarGz(...[...Array(30).keys()].map((n) => file(`f${n}`))),
      { maxEntries: 20 },
    ],
    ['folders that no entry names', () => tarGz(file('a/b/c/d/e')), { maxEntries: 4 }],
    [
      'headers that no entry follows',
      () => tarGz(...[...Array(50).keys()].map(() => pax({ a: 'b' })), file('x')),
      { maxEntries: 20 },
    ],
    [
      'more content than is allowed',
      () => tarGz({ name: 'a', content: 'x'.repeat(5000) }),
      { maxUnpackedBytes: 4000 },
    ],
    [
      '10 GB of zeros behind the end',
      () => gzip(zeros(10e9)),
      { maxBytes: 1e9, maxUnpackedBytes: 1e12 },
    ],
    [
      'a file of 10 GB of zeros',
      () => {
        const header = tarEntry({ name: 'a', sizeField: binary(10n ** 10n) });
        return gzip(
          (function* () {
            yield header;
            yield* zeros(10e9);
          })(),
        );
      },
      { maxBytes: 1e9, maxUnpackedBytes: 1e12 },
    ],
    [
      'a million tiny entries',
      () =>
        gzip(
          (function* () {
            for (let n = 0; n < 1e6; n += 1) yield tarEntry({ name: `${n}` });
          })(),
        ),
      { maxBytes: 1e9 },
    ],
    [
      'headers of gigabytes',
      () => {
        const header = tarEntry(pax({ a: 'x'.repeat(60_000) }));
        return gzip(
          (function* () {
            for (let n = 0; n < 1e5; n += 1) yield header;
          })(),
        );
      },
      { maxBytes: 1e9, maxUnpackedBytes: 1e12 },
    ],
  ])('refuses %s, early and with little memory', async (_what, archive, settings) => {
    const before = process.memoryUsage.rss();
    const source = archive();
    await expect(take(source, settings)).rejects.toMatchObject({ code: 'package_too_large' });
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 1024 * 1024);
    if (!Buffer.isBuffer(source)) source.destroy();
  });

  it('refuses a header of gigabytes before a byte of it is read', async () => {
    const header = tarEntry({ name: 'p', type: 'x', sizeField: binary(4n * 10n ** 9n) });
    const body = new PassThrough();
    body.write(gzipSync(Buffer.concat([header, Buffer.alloc(512)])));
    // It never ends: only the header can be the reason.
    await expect(take(body)).rejects.toMatchObject({
      code: 'package_invalid',
      detail: expect.stringContaining('too long'),
    });
  });

  it('refuses more bytes than are allowed', async () => {
    const archive = tarGz(file('a'));
    await expect(take(archive, { maxBytes: archive.length - 1 })).rejects.toMatchObject({
      code: 'body_too_large',
    });
    await take(archive, { maxBytes: archive.length });
  });

  it('gives up when nothing comes', async () => {
    const body = new PassThrough();
    body.write(tarGz(file('a')).subarray(0, 40));
    await expect(take(body, { idleSeconds: 1 })).rejects.toMatchObject({ code: 'request_timeout' });
    expect(body.destroyed).toBe(false);
  });

  it('fails when the client goes', async () => {
    const body = new PassThrough();
    body.write(tarGz(file('a')).subarray(0, 40));
    setImmediate(() => body.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' })));
    await expect(take(body)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileSource } from '../../test/support/compiled-source.js';
import { removeTree } from './remove-tree.js';

/**
 * Makes a tree as a tool may leave it, and removes it, as somebody who is not root: permissions say
 * nothing to root.
 */
const PROGRAM = `
  import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
  import { removeTree } from './common/remove-tree.js';
  const base = process.argv[2];
  if (process.getuid() === 0) {
    process.setgid(65534);
    process.setuid(65534);
  }
  process.chdir(base);
  mkdirSync('outside', { mode: 0o500 });
  mkdirSync('tree/module/deep', { recursive: true });
  mkdirSync(Buffer.from('tree/module/\\xff', 'latin1'));
  writeFileSync('tree/module/deep/file', '');
  writeFileSync(Buffer.from('tree/module/\\xff/file', 'latin1'), '');
  symlinkSync(base + '/outside', 'tree/module/link');
  for (const name of ['module/deep', 'module/\\xff', 'module', '.']) {
    chmodSync(Buffer.from('tree/' + name, 'latin1'), name === 'module/deep' ? 0 : 0o500);
  }
  await removeTree(base, 'tree');
  console.log((statSync('outside').mode & 0o777).toString(8));
`;

describe('removeTree', () => {
  let base: string;
  beforeEach(() => (base = mkdtempSync(join(tmpdir(), 'fermilink-remove-'))));
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  it('removes folders that their owner may not write, and changes none that a link leads to', () => {
    const source = join(base, 'source');
    compileSource(['common'], source);
    writeFileSync(join(source, 'program.js'), PROGRAM);
    const place = join(base, 'place');
    mkdirSync(place);
    for (const folder of [base, place]) chmodSync(folder, 0o777);
    const { stdout, stderr } = spawnSync(process.execPath, [join(source, 'program.js'), place], {
      encoding: 'utf8',
    });
    expect([stderr, stdout]).toEqual(['', '500\n']);
    expect(readdirSync(place)).toEqual(['outside']);
  });

  it('takes what is not there as removed, and a link for itself', async () => {
    mkdirSync(join(base, 'outside'));
    symlinkSync('outside', join(base, 'link'));
    await removeTree(base, 'link');
    await removeTree(base, 'link');
    expect(readdirSync(base)).toEqual(['outside']);
  });

  it('stops when it is told to, and another call removes the rest', async () => {
    const names = Array.from({ length: 20_000 }, (_, index) => String(index));
    mkdirSync(join(base, 'tree'));
    for (const name of names) writeFileSync(join(base, 'tree', name), '');
    const stop = new AbortController();
    const removal = removeTree(base, 'tree', stop.signal);
    stop.abort(new Error('enough'));
    await expect(removal).rejects.toThrow('enough');
    expect(readdirSync(base)).toEqual(['tree']);
    await removeTree(base, 'tree');
    expect(readdirSync(base)).toEqual([]);
  });

  it('says what it could not remove', async () => {
    // A file of the system that even root cannot remove.
    await expect(removeTree('/proc', 'version')).rejects.toThrow(/^rm ended with 1: .*version/);
  });
});

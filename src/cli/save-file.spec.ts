import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { lstatSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalError } from './failure.js';
import { saveFile } from './save-file.js';

describe('a file that is saved', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'fermilink-save-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  async function* content(text = 'new', fault?: Error): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text);
    if (fault !== undefined) throw fault;
  }
  const at = (name: string) => join(folder, name);
  const read = (name: string) => readFileSync(at(name), 'utf8');

  it('is there whole, and alone', async () => {
    await saveFile(at('file'), content(), false);
    expect([readdirSync(folder), read('file')]).toEqual([['file'], 'new']);
  });

  it('replaces nothing, unless it is asked to', async () => {
    writeFileSync(at('file'), 'old');
    await expect(saveFile(at('file'), content(), false)).rejects.toThrow(/is there already/);
    expect([readdirSync(folder), read('file')]).toEqual([['file'], 'old']);
    await saveFile(at('file'), content(), true);
    expect([readdirSync(folder), read('file')]).toEqual([['file'], 'new']);
  });

  it.each([true, false])('is never written through a link (with force: %s)', async (force) => {
    writeFileSync(at('precious'), 'old');
    symlinkSync('precious', at('link'));
    symlinkSync('nowhere', at('dangling'));
    for (const name of ['link', 'dangling']) {
      const saving = saveFile(at(name), content(), force);
      if (force) await saving;
      else await expect(saving).rejects.toThrow(LocalError);
      expect(lstatSync(at(name)).isSymbolicLink()).toBe(!force);
    }
    expect(read('precious')).toBe('old');
    expect(readdirSync(folder).sort()).toEqual(['dangling', 'link', 'precious']);
  });

  it('leaves nothing of what broke off', async () => {
    const fault = new Error('it broke');
    await expect(saveFile(at('file'), content('half', fault), false)).rejects.toBe(fault);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('says what is in its way', async () => {
    mkdirSync(at('folder/full'), { recursive: true });
    await expect(saveFile(at('folder'), content(), true)).rejects.toThrow(/is a folder/);
    await expect(saveFile(at('none/file'), content(), true)).rejects.toThrow(/make it first/);
  });
});

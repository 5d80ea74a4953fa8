import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tokensOf } from '../config/tokens-file.js';
import { tokenCommand } from './token-command.js';

describe('the command for tokens', () => {
  let folder: string;
  let file: string;
  let out: string[];
  let notes: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fermilink-test-'));
    file = join(folder, 'sub', 'tokens.json');
    out = [];
    notes = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const run = (args: string, defaultFile: string | null = file) =>
    tokenCommand(args.split(' '), {
      defaultFile,
      out: (text) => out.push(text),
      note: (text) => notes.push(text),
    });
  const inFile = (path = file) => {
    const faults: string[] = [];
    const tokens = tokensOf(readFileSync(path, 'utf8'), faults);
    expect(faults).toEqual([]);
    return tokens;
  };

  it('makes one, says it once, and keeps its hash alone', async () => {
    expect(await run('--name web --scopes runs:read,runs:write')).toBe(0);
    expect(
      await run('--name ada --scopes runs:read --user Ada --expires 2031-01-01T00:00:00Z'),
    ).toBe(0);
    expect(out).toHaveLength(2);
    expect(out[0]).toMatch(/^flr_[\w-]{43}$/);
    expect(out[0]).not.toBe(out[1]);
    expect(inFile()).toEqual(
      [
        { name: 'web', scopes: ['runs:read', 'runs:write'], user: null, expiresAt: null },
        {
          ...{ name: 'ada', scopes: ['runs:read'], user: 'Ada' },
          expiresAt: Date.UTC(2031, 0, 1),
        },
      ].map((it, at) => ({ ...it, sha256: createHash('sha256').update(out[at]!).digest('hex') })),
    );
    expect(readFileSync(file, 'utf8')).not.toContain(out[0]!.slice(4));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('says what it does not understand, and what cannot be', async () => {
    expect(await run('--user ada')).toBe(2);
    expect(await run('--nam x')).toBe(2);
    expect(await run('--list')).toBe(1);
    const expired = '--name web --scopes runs:read --expires 2020-01-01T00:00:00Z';
    expect(await run(expired)).toBe(1);
    expect(notes.map((it) => it.split('\n')[0])).toEqual([
      expect.stringContaining('Use: fermilink-runner token'),
      expect.stringContaining('--nam'),
      `There is no file ${file}.`,
      expect.stringContaining('expired already'),
    ]);
    expect(out).toEqual([]);
    await run('--name web --scopes runs:read');
    expect(notes.at(-2)).toContain(`${file} is new`);
  });

  it('lists and removes', async () => {
    await run('--name web --scopes runs:read');
    await run('--name ada --scopes files:read --user ada');
    const secrets = out.splice(0);
    expect(await run('--list')).toBe(0);
    expect(out).toEqual(['web\truns:read\tany user', 'ada\tfiles:read\tuser "ada"']);
    for (const secret of secrets) expect(out.join()).not.toContain(secret);
    expect(await run('--remove web')).toBe(0);
    expect(inFile().map(({ name }) => name)).toEqual(['ada']);
    expect(await run('--remove web')).toBe(1);
    expect(notes.at(-1)).toContain('no token "web"');
  });

  it('takes the file that is named, and closes one that is open to others', async () => {
    const other = join(folder, 'other.json');
    writeFileSync(other, '{"$schema": "x", "tokens": []}', { mode: 0o666 });
    const link = join(folder, 'link.json');
    symlinkSync('other.json', link);
    expect(await run(`--name a --scopes runs:read --file ${link}`, null)).toBe(0);
    expect(inFile(other)).toHaveLength(1);
    expect(readFileSync(other, 'utf8')).toContain('$schema');
    expect(statSync(other).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['--name a --scopes all', 'must be one of: runs:read', 1],
    ['--name a/b --scopes runs:read', 'name must be', 1],
    ['--name a --scopes runs:read --expires tomorrow', 'expires_at must be', 1],
    ['--name a', 'Use: fermilink-runner token', 2],
    ['--scopes runs:read', 'Use: fermilink-runner token', 2],
    ['--what', 'Use: fermilink-runner token', 2],
    ['a', 'Use: fermilink-runner token', 2],
    ['--remove a', 'no token "a"', 1],
  ])('says what is wrong with %s', async (args, sentence, status) => {
    expect(await run(args)).toBe(status);
    expect(out).toEqual([]);
    expect(notes.join('\n')).toContain(sentence);
  });

  it('wants a file, changes none that it does not understand, and no name twice', async () => {
    expect(await run('--list', null)).toBe(1);
    expect(notes.at(-1)).toContain('--file');
    await run('--name a --scopes runs:read');
    expect(await run('--name a --scopes runs:write')).toBe(1);
    expect(notes.at(-1)).toContain('already');
    writeFileSync(file, '{"tokens": [{}]}');
    expect(await run('--name b --scopes runs:read')).toBe(1);
    expect(readFileSync(file, 'utf8')).toBe('{"tokens": [{}]}');
  });

  it('loses none of those that are made at once', async () => {
    const names = Array.from({ length: 8 }, (_, at) => `t${at}`);
    const codes = await Promise.all(names.map((name) => run(`--name ${name} --scopes runs:read`)));
    expect(codes).toEqual(names.map(() => 0));
    expect(
      inFile()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(names);
  });
});

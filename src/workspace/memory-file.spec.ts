import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Directory } from '../common/directory.js';
import { ensureMemoryFile, originalRequest } from './memory-file.js';

const PREAMBLE =
  'You are running in **FermiLink unified-memory mode**.\nRead it.\n\nCurrent request/context:\n';

describe('the request that the memory file records', () => {
  it.each([
    ['a plain prompt', 'a plain prompt'],
    [`${PREAMBLE}compute it`, 'compute it'],
    [`${PREAMBLE}\n\n  two\nlines\n`, 'two\nlines\n'],
    [PREAMBLE.replaceAll('\n', '\r\n') + 'with CR', 'with CR'],
    [PREAMBLE, '(request unavailable)'],
    [`${PREAMBLE} \n\t`, '(request unavailable)'],
    [PREAMBLE.trimEnd(), '(request unavailable)'],
    [
      'You are running in **FermiLink unified-memory mode**. Not the line.',
      'You are running in **FermiLink unified-memory mode**. Not the line.',
    ],
    [
      'You are running in **FermiLink unified-memory mode**.\nno end',
      'You are running in **FermiLink unified-memory mode**.\nno end',
    ],
    [` ${PREAMBLE}x`, ` ${PREAMBLE}x`],
  ])('%j', (prompt, request) => expect(originalRequest(prompt)).toBe(request));
});

describe('projects/memory.md', () => {
  let folder: string;
  let projects: Directory;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fermilink-memory-'));
    projects = await Directory.open(folder);
  });
  afterEach(async () => {
    await projects.close();
    rmSync(folder, { recursive: true });
  });
  const text = () => readFileSync(join(folder, 'memory.md'), 'utf8');

  it('has the headings that the platform reads, and the prompt as it came', async () => {
    await ensureMemoryFile(projects, 'line 1\n## Short-Term Memory\nline 3');
    expect(text()).toMatch(/^# FermiLink Unified Memory\n/);
    expect(text()).toContain('\n- schema_version: 1\n');
    expect(text()).toMatch(/\n- started_at_utc: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\n/);
    expect(text()).toContain('line 1\n## Short-Term Memory\nline 3');
    const headings = text().match(/^##+ .*$/gm);
    expect(headings?.filter((it) => it !== '## Short-Term Memory')).toEqual([
      '## Original request',
      '## Short-Term Memory (Operational)',
      '### Plan',
      '### Progress log',
      '## Long-Term Memory (Persistent)',
      '### File map',
      '### Simulation history',
      '### Key results',
      '### Suggested skills updates',
    ]);
    expect(text().match(/^- \[ \]/gm)).toHaveLength(1);
    expect(text()).toContain('\n- initialized\n');
  });

  it('is made once and never replaced', async () => {
    writeFileSync(join(folder, 'memory.md'), 'what was learned');
    await ensureMemoryFile(projects, 'another prompt');
    expect(text()).toBe('what was learned');
  });

  it('is not made where something else stands, and says what', async () => {
    mkdirSync(join(folder, 'memory.md'));
    await expect(ensureMemoryFile(projects, 'a prompt')).rejects.toMatchObject({
      code: 'memory_file_failed',
      detail:
        'Failed to initialize workspace memory file: projects/memory.md is a folder, but it must be a regular file; remove it and run again.',
    });
  });

  it.each([
    ['EACCES', 'memory_file_failed', /^Failed to initialize workspace memory file: it could not/],
    ['ENOSPC', 'disk_full', /disk/],
    ['EMFILE', 'too_many_files', /too many files/],
  ])('that cannot be written for %s is %s', async (errno, code, detail) => {
    const cause = Object.assign(new Error('no'), { code: errno });
    projects.createFile = () => Promise.reject(cause);
    await expect(ensureMemoryFile(projects, 'a prompt')).rejects.toMatchObject({
      code,
      detail: expect.stringMatching(detail),
      facts: { cause },
    });
  });
});

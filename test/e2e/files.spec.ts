import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { act, send } from '../support/files.js';
import { eventually } from '../support/processes.js';
import { Runner, temporaryFolder } from '../support/runner.js';

interface Entry {
  name: string;
  type: string;
  target: string | null;
  is_package_link: boolean;
  addressable: boolean;
}

describe('the files of a session', () => {
  let runner: Runner;
  beforeAll(async () => {
    const home = temporaryFolder();
    const root = join(home, 'fermilink', 'scientific_packages');
    const pkg = join(home, 'pkg');
    mkdirSync(join(pkg, 'examples'), { recursive: true });
    mkdirSync(root, { recursive: true });
    writeFileSync(join(pkg, 'solver.py'), 'solve');
    writeFileSync(join(pkg, 'examples', 'one'), 'first');
    const packages = { solver: { installed_path: pkg } };
    writeFileSync(
      join(root, 'registry.json'),
      JSON.stringify({ version: 1, active_package: 'solver', packages }),
    );
    runner = await Runner.start({}, home);
    await act(
      runner,
      's',
      [
        'mkdir -p many d/e && cd many && touch $(seq 100 349) && cd ..',
        'printf 0123456789 > ten; printf x > "d/e/a ü\\"b.txt"; printf x > "back\\\\slash"',
        'ln -s /etc etc; mkfifo fifo; printf x > "$(printf "caf\\351")"',
      ].join('; '),
    );
  });
  afterAll(() => runner.stop());

  const get = (path: string, headers = {}) =>
    send(runner, 'GET', `/sessions/s/${path}`, { headers });
  const list = async (query: string) => {
    const answer = await get(`files?${query}`);
    return JSON.parse(answer.body.toString()) as { entries: Entry[]; next_cursor: string | null };
  };

  it('are listed by the bytes of their names, in pages', async () => {
    const names: string[] = [];
    let cursor = '';
    do {
      const page = await list(`path=many&limit=60&cursor=${cursor}`);
      expect(page.entries.length).toBeLessThanOrEqual(60);
      names.push(...page.entries.map(({ name }) => name));
      cursor = page.next_cursor ?? '';
    } while (cursor !== '');
    expect(names).toEqual(Array.from({ length: 250 }, (_, index) => String(100 + index)));
    expect((await get('files?path=many&cursor=_')).code).toBe('cursor_invalid');
    for (const limit of ['0', '1001', 'x', '1&limit=2']) {
      expect((await get(`files?limit=${limit}`)).code).toBe('invalid_request');
    }
  });

  it('are listed to so many at a time, and to nobody who has left', async () => {
    const crowd = join(runner.repo('s'), 'crowd');
    mkdirSync(crowd);
    for (let index = 0; index < 20_000; index += 1) writeFileSync(join(crowd, `${index}`), '');
    const ask = () => get('files?path=crowd&limit=1');
    const answers = await Promise.all(Array.from({ length: 40 }, ask));
    const refused = answers.filter(({ code }) => code === 'too_many_requests');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]!.headers).toHaveProperty('retry-after');
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(8);
    const leave = async () => {
      const signal = AbortSignal.timeout(5);
      await fetch(`${runner.url}/sessions/s/files?path=crowd`, { signal }).catch(() => undefined);
    };
    for (let round = 0; round < 5; round += 1) await Promise.all(Array.from({ length: 8 }, leave));
    await eventually(ask, ({ status }) => status === 200);
    rmSync(crowd, { recursive: true });
  });

  it('are listed for what they are, and links are only named', async () => {
    const { entries } = await list('');
    const entry = (name: string) => entries.find((it) => it.name === name);
    expect(entry('etc')).toMatchObject({ type: 'link', target: '/etc', is_package_link: false });
    expect(entry('fifo')).toMatchObject({ type: 'other', size: null });
    expect(entry('ten')).toMatchObject({ type: 'file', size: 10, path: 'ten' });
    expect(entry('many')).toMatchObject({ type: 'folder', size: null });
    expect(entry('caf\\xE9')).toMatchObject({ type: 'file', addressable: false });
    expect(entry('back\\slash')).toMatchObject({ addressable: true });
    expect((await get('files/back%5Cslash')).body.toString()).toBe('x');
    expect(entry('solver.py')).toMatchObject({ type: 'link', is_package_link: true });
    expect(entries.map(({ name }) => name).sort()).toEqual(entries.map(({ name }) => name));
  });

  it('are sent as attachments that no browser shows, under their names', async () => {
    const answer = await get('files/d/e/a%20%C3%BC%22b.txt');
    expect([answer.status, answer.body.toString()]).toEqual([200, 'x']);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="a ?\\"b.txt"; filename*=UTF-8''a%20%C3%BC%22b.txt`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
      'content-length': '1',
    });
    const head = await send(runner, 'HEAD', '/sessions/s/files/ten');
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, '10', 0]);
  });

  it('are sent in parts, and not again to who has them', async () => {
    const whole = await get('files/ten');
    const etag = whole.headers.etag!;
    expect(etag).toMatch(/^"[^"]+"$/);
    const cases: [Record<string, string>, number, string, string | undefined][] = [
      [{ range: 'bytes=2-4' }, 206, '234', 'bytes 2-4/10'],
      [{ range: 'bytes=-3' }, 206, '789', 'bytes 7-9/10'],
      [{ range: 'bytes=-10' }, 206, '0123456789', 'bytes 0-9/10'],
      [{ range: 'bytes=-11' }, 206, '0123456789', 'bytes 0-9/10'],
      [{ range: 'bytes=0-' }, 206, '0123456789', 'bytes 0-9/10'],
      [{ range: 'bytes=8-99' }, 206, '89', 'bytes 8-9/10'],
      [{ range: 'bytes=2-4', 'if-range': etag }, 206, '234', 'bytes 2-4/10'],
      [{ range: 'bytes=2-4', 'if-range': '"other"' }, 200, '0123456789', undefined],
      [{ range: 'bytes=0-1,5-6' }, 200, '0123456789', undefined],
      [{ range: 'lines=1-2' }, 200, '0123456789', undefined],
      [{ range: 'bytes=x' }, 200, '0123456789', undefined],
      [{ 'if-none-match': etag }, 304, '', undefined],
      [{ 'if-none-match': `"other", W/${etag}` }, 304, '', undefined],
      [{ 'if-none-match': '"other"' }, 200, '0123456789', undefined],
    ];
    for (const [headers, status, body, contentRange] of cases) {
      const answer = await get('files/ten', headers);
      expect([answer.status, answer.body.toString(), answer.headers['content-range']]).toEqual([
        status,
        body,
        contentRange,
      ]);
    }
    const none = await get('files/ten', { range: 'bytes=10-' });
    expect([none.code, none.headers['content-range']]).toEqual([
      'range_not_satisfiable',
      'bytes */10',
    ]);
  });

  it('are those of the package behind its links, which are only read', async () => {
    expect((await get('files/solver.py')).body.toString()).toBe('solve');
    expect((await get('files/examples/one')).body.toString()).toBe('first');
    expect((await list('path=examples')).entries).toMatchObject([{ name: 'one', type: 'file' }]);
    for (const path of ['solver.py', 'examples/one', 'examples/new/er']) {
      for (const method of ['PUT', 'DELETE']) {
        const answer = await send(runner, method, `/sessions/s/files/${path}`);
        expect([path, answer.code]).toEqual([path, 'path_read_only']);
      }
    }
    // A link that an agent claims to be the server's is none.
    const manifest = '../.package_manifest.json';
    await act(
      runner,
      'forged',
      `rm solver.py; ln -s /etc/passwd solver.py; ln -s /etc all; sed -i 's#"source": "[^"]*solver.py"#"source": "/etc/passwd"#; s#"linked_entries": \\[#"linked_entries": [{"name":"all","mode":"symlink","source":"/etc"},#' ${manifest}`,
    );
    const { body } = await send(runner, 'GET', '/sessions/forged/files');
    const links = (JSON.parse(body.toString()) as { entries: Entry[] }).entries;
    const isOurs = (name: string) => links.find((it) => it.name === name)?.is_package_link;
    expect([isOurs('all'), isOurs('solver.py'), isOurs('examples')]).toEqual([false, false, true]);
    expect((await send(runner, 'GET', '/sessions/forged/files/solver.py')).code).toBe('not_a_file');
    expect((await send(runner, 'GET', '/sessions/forged/files/all/passwd')).code).toBe(
      'not_a_folder',
    );
  });

  it('belong to sessions that are there', async () => {
    for (const path of ['none', '..', '%2e%2e', '.uploads', 'a%2fb', `${'x'.repeat(129)}`]) {
      for (const rest of ['', '/files', '/files/x', '/archive', '/git/log', '/git/diff']) {
        expect([path, (await send(runner, 'GET', `/sessions/${path}${rest}`)).code]).toEqual([
          path,
          'session_not_found',
        ]);
      }
    }
  });
});

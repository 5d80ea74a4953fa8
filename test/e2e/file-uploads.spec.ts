import { once } from 'node:events';
import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { act, openDescriptors, send } from '../support/files.js';
import { eventually } from '../support/processes.js';
import { Gate, startRun, untilEnded, untilState } from '../support/runs.js';
import { Runner } from '../support/runner.js';

const MIB = 1024 * 1024;

describe('an upload', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({
      FERMILINK_RUNNER_MAX_UPLOAD_BYTES: String(4 * MIB),
      FERMILINK_RUNNER_FOLLOWER_TIMEOUT_SECONDS: '1',
    });
    await act(runner, 's', 'echo old > old; chmod 755 old; mkdir d; ln -s /etc etc; mkfifo fifo');
  });
  afterAll(() => runner.stop());

  const put = (path: string, body: string | Buffer, headers = {}) =>
    send(runner, 'PUT', `/sessions/s/files/${path}`, { body, headers });
  const inRepo = (path: string) => join(runner.repo('s'), path);
  const staged = () => readdirSync(join(runner.workspaces, '.uploads'));

  it('puts a file of any type and size into its place, with the folders on the way', async () => {
    const large = Buffer.alloc(3 * MIB, 'abc');
    const types = ['application/json', 'text/plain', 'application/octet-stream'];
    for (const [index, type] of types.entries()) {
      const made = await put(`new/${index}/it`, large, { 'content-type': type });
      expect([made.status, made.headers.location]).toEqual([
        201,
        `/sessions/s/files/new/${index}/it`,
      ]);
      expect(readFileSync(inRepo(`new/${index}/it`)).equals(large)).toBe(true);
      const read = await send(runner, 'HEAD', `/sessions/s/files/new/${index}/it`);
      expect(read.headers.etag).toBe(made.headers.etag);
    }
    const chunked = await put('chunked', '{}', { 'transfer-encoding': 'chunked' });
    expect([chunked.status, readFileSync(inRepo('chunked'), 'utf8')]).toEqual([201, '{}']);
    const waiting = await put('expected', 'yes', { expect: '100-continue' });
    expect([waiting.status, readFileSync(inRepo('expected'), 'utf8')]).toEqual([201, 'yes']);
    expect((await put('empty', '')).status).toBe(201);
    const other = await send(runner, 'POST', '/runs', {
      body: large,
      headers: { 'content-type': 'application/json' },
    });
    expect(other.code).toBe('body_too_large');
  });

  it('replaces what is there but a folder, never through a link, and only what is expected', async () => {
    const replaced = await put('old', 'new');
    expect([replaced.status, readFileSync(inRepo('old'), 'utf8')]).toEqual([204, 'new']);
    expect(statSync(inRepo('old')).mode & 0o777).toBe(0o755);
    expect((await put('etc', 'mine')).status).toBe(204);
    expect(lstatSync(inRepo('etc')).isFile()).toBe(true);
    expect((await put('fifo', 'mine')).status).toBe(204);
    expect((await put('d', 'x')).code).toBe('not_a_file');
    expect((await put('old/below', 'x')).code).toBe('not_a_folder');
    const etag = replaced.headers.etag!;
    expect((await put('old', 'x', { 'if-match': '"other"' })).code).toBe('precondition_failed');
    expect((await put('none', 'x', { 'if-match': '*' })).code).toBe('precondition_failed');
    expect((await put('old', 'x', { 'if-none-match': '*' })).code).toBe('precondition_failed');
    expect((await put('old', 'newer', { 'if-match': etag })).status).toBe(204);
    expect((await put('old', 'x', { 'if-match': etag })).code).toBe('precondition_failed');
    const all = await Promise.all(
      ['1', '2', '3', '4'].map((body) => put('first', body, { 'if-none-match': '*' })),
    );
    expect(all.map(({ status }) => status).sort()).toEqual([201, 412, 412, 412]);
    expect(readFileSync(inRepo('old'), 'utf8')).toBe('newer');
  });

  it('changes nothing that is kept for the server', async () => {
    for (const path of [
      'AGENTS.md',
      'agents.md',
      'CLAUDE.md',
      'GEMINI.md/x',
      '.git/config',
      'd/.GIT/x',
    ]) {
      expect([path, (await put(path, 'x')).code]).toEqual([path, 'path_reserved']);
      const removed = await send(runner, 'DELETE', `/sessions/s/files/${path}`);
      expect([path, removed.code]).toEqual([path, 'path_reserved']);
    }
    expect((await put('d/AGENTS.md', 'x')).status).toBe(201);
  });

  it('that is too large leaves nothing, whether or not it says so', async () => {
    const large = Buffer.alloc(4 * MIB + 1);
    expect((await put('large', large)).code).toBe('file_too_large');
    const chunked = await put('large', large, { 'transfer-encoding': 'chunked' });
    expect(chunked.code).toBe('file_too_large');
    expect(existsSync(inRepo('large'))).toBe(false);
    expect((await put('most', Buffer.alloc(4 * MIB))).status).toBe(201);
    expect(staged()).toEqual([]);
  });

  it('that stalls or is broken off leaves nothing, not even a descriptor', async () => {
    const before = openDescriptors(runner.pid);
    const begin = () => {
      const outgoing = request(`${runner.url}/sessions/s/files/half`, {
        method: 'PUT',
        headers: { 'content-length': 100 },
        agent: false,
      });
      outgoing.on('error', () => undefined);
      outgoing.write('half');
      return outgoing;
    };
    const stalled = begin();
    const status = await new Promise((resolve) =>
      stalled.on('response', (answer) => resolve(answer.statusCode)),
    );
    expect(status).toBe(408);
    stalled.destroy();
    const broken = Array.from({ length: 10 }, begin);
    await eventually(
      async () => staged().length,
      (count) => count === 10,
    );
    for (const outgoing of broken) outgoing.destroy();
    await eventually(
      async () => staged().length,
      (count) => count === 0,
    );
    await eventually(
      async () => openDescriptors(runner.pid),
      (count) => count <= before,
    );
    expect(existsSync(inRepo('half'))).toBe(false);
  });

  it('comes to a session whose run is at work', async () => {
    const gate = new Gate(runner, 'upload');
    const script = `until [ -e uploaded ]; do sleep 0.05; done; ${gate.pass}`;
    const id = await startRun(runner, { session_id: 's', user_prompt: script });
    await untilState(runner, id, 'running');
    expect((await put('uploaded', 'x')).status).toBe(201);
    expect((await untilEnded(runner, id)).state).toBe('completed');
    expect(gate.isOpen).toBe(true);
  });
});

describe('an upload that was begun before its session was removed', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start();
  });
  afterAll(() => runner.stop());
  const uploads = () => join(runner.workspaces, '.uploads');
  const staged = () => (existsSync(uploads()) ? readdirSync(uploads()) : []);

  it.each([
    ['somebody else', 'bob'],
    ['the same user', 'ada'],
  ])('comes to no session that %s has begun under the id since', async (_name, next) => {
    const as = (user: string) => ({ 'x-fermilink-user': user });
    const script = 'echo mine > f; chmod 755 f';
    const begin = async (user: string) =>
      untilEnded(
        runner,
        await startRun(runner, { session_id: 'again', user_prompt: script }, as(user)),
      );
    const open = (path: string, headers = {}) => {
      const upload = request(`${runner.url}/sessions/again/files/${path}`, {
        method: 'PUT',
        agent: false,
        headers: { ...as('ada'), 'content-length': 4, ...headers },
      });
      upload.write('hal');
      return upload;
    };
    await begin('ada');
    const outgoing = [open('f'), open('in/a/new'), open('new', { 'if-none-match': '*' })];
    await eventually(staged, (names) => names.length === outgoing.length);
    await send(runner, 'DELETE', '/sessions/again', { headers: as('ada') });
    await begin(next);
    for (const upload of outgoing) {
      const answered = once(upload, 'response') as Promise<[IncomingMessage]>;
      upload.end('f');
      const [response] = await answered;
      expect([response.statusCode, (await json(response)) as object]).toEqual([
        404,
        expect.objectContaining({ code: 'session_not_found' }),
      ]);
    }
    const repo = runner.repo('again');
    expect(readFileSync(join(repo, 'f'), 'utf8')).toBe('mine\n');
    expect([existsSync(join(repo, 'in')), existsSync(join(repo, 'new'))]).toEqual([false, false]);
    await send(runner, 'DELETE', '/sessions/again', { headers: as(next) });
  });
});

describe('a removal', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start();
    await act(runner, 's', 'mkdir -p full/x empty; echo > f; ln -s f l; ln -s full k; mkfifo p');
  });
  afterAll(() => runner.stop());
  const remove = (path: string, headers = {}) =>
    send(runner, 'DELETE', `/sessions/s/files/${path}`, { headers });

  it('takes a file, a link, a FIFO or an empty folder, and nothing else', async () => {
    expect((await remove('full')).code).toBe('folder_not_empty');
    expect((await remove('k/x')).code).toBe('not_a_folder');
    for (const path of ['empty', 'l', 'k', 'p', 'full/x']) {
      expect([path, (await remove(path)).status]).toEqual([path, 204]);
      expect((await remove(path)).code).toBe('file_not_found');
    }
    expect((await remove('f', { 'if-match': '"other"' })).code).toBe('precondition_failed');
    const { etag } = (await send(runner, 'HEAD', '/sessions/s/files/f')).headers;
    expect((await remove('f', { 'if-match': etag })).status).toBe(204);
  });
});

describe('a server that is killed during an upload', () => {
  it('leaves nothing that the next one keeps', async () => {
    const runner = await Runner.start();
    await act(runner, 's', 'true');
    const outgoing = request(`${runner.url}/sessions/s/files/half`, {
      method: 'PUT',
      agent: false,
    });
    outgoing.on('error', () => undefined);
    outgoing.write('half');
    const uploads = join(runner.workspaces, '.uploads');
    const staged = () => (existsSync(uploads) ? readdirSync(uploads) : []);
    await eventually(
      async () => staged().length,
      (count) => count === 1,
    );
    await runner.kill();
    const next = await runner.startNext();
    expect(existsSync(uploads)).toBe(false);
    expect((await send(next, 'GET', '/sessions/s/files/half')).code).toBe('file_not_found');
    await next.stop();
  });
});

import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunnerClient } from '../../src/client/index.js';
import { CommandLine, cli } from '../support/command-line.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { startRun, untilEnded } from '../support/runs.js';

const text = (body: ReadableStream<Uint8Array>) => new Response(body).text();

describe('the files of a session', () => {
  let runner: Runner;
  let env: Record<string, string>;
  let folder: string;
  let client: RunnerClient;

  beforeAll(async () => {
    runner = await Runner.start();
    env = { FERMILINK_RUNNER_URL: runner.url };
    client = new RunnerClient({ baseUrl: runner.url });
    const script = [
      'mkdir outputs/plots',
      'printf data > outputs/data.csv',
      `printf 'a\\033[2J\\nb' > outputs/hostile.txt`,
      `: > "$(printf 'outputs/\\033[31m\\342\\200\\256x')"`,
      'ln -s /etc/passwd outputs/link',
      'head -c 3000000 /dev/zero > outputs/large',
    ];
    await untilEnded(
      runner,
      await startRun(runner, { user_prompt: script.join('; '), session_id: 's' }),
    );
  });
  afterAll(() => runner.stop());
  beforeEach(() => (folder = temporaryFolder()));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('are listed by the client, page by page, and come, go and are changed', async () => {
    const session = client.session('s');
    const names: string[] = [];
    for await (const { name } of session.list('outputs', { pageSize: 2 })) names.push(name);
    expect(names).toEqual(expect.arrayContaining(['data.csv', 'large', 'link', 'plots']));
    expect(await session.get()).toMatchObject({ session_id: 's', is_busy: false });

    const made = await session.upload('outputs/new ä#?.txt', 'hello', { onlyNew: true });
    expect(made).toEqual({ isNew: true, etag: expect.any(String) });
    await expect(
      session.upload('outputs/new ä#?.txt', 'x', { onlyNew: true }),
    ).rejects.toMatchObject({ code: 'precondition_failed' });
    const download = await session.download('outputs/new ä#?.txt', {
      range: { first: 1, last: 3 },
    });
    expect(download).toMatchObject({ size: 3, etag: made.etag });
    expect(await text(download.body)).toBe('ell');
    await session.upload('outputs/new ä#?.txt', 'other', { ifMatch: made.etag! });
    expect(await text((await session.download('outputs/new ä#?.txt')).body)).toBe('other');
    await session.remove('outputs/new ä#?.txt');
    await expect(session.download('outputs/new ä#?.txt')).rejects.toMatchObject({ status: 404 });

    const archive = await session.archive();
    const bytes = new Uint8Array(await new Response(archive.body).arrayBuffer());
    expect([...bytes.subarray(0, 2)]).toEqual([0x1f, 0x8b]);
    for (const path of ['../x', 'a//b', './x', '']) {
      await expect(session.download(path)).rejects.toThrow(TypeError);
    }
    expect(() => client.session('..').get()).toThrow(TypeError);
  });

  it('of a session that is removed are gone', async () => {
    await untilEnded(runner, await startRun(runner, { user_prompt: 'true', session_id: 'gone' }));
    await client.session('gone').delete();
    await expect(client.session('gone').get()).rejects.toMatchObject({
      code: 'session_not_found',
    });
  });

  it('are listed, their names escaped', async () => {
    const { out, code } = await cli(['files', 's', 'outputs'], env);
    expect(code).toBe(0);
    expect(out).toMatch(/^4 +\S+Z +data\.csv$/m);
    expect(out).toMatch(/^- +\S+Z +plots\/$/m);
    expect(out).toMatch(/^- +\S+Z +link -> \/etc\/passwd$/m);
    expect(out).toContain(String.raw`\x1b[31m\u202ex`);
    expect(out).not.toContain('\x1b');
    const json = await cli(['files', 's', '--json'], env);
    const names = json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).name);
    expect(names).toEqual(expect.arrayContaining(['AGENTS.md', 'outputs', 'projects']));
    expect(await cli(['files', 'nobodys'], env)).toMatchObject({
      err: expect.stringContaining('(session_not_found)'),
      code: 3,
    });
  });

  it('are printed as they are in a pipe, and escaped on a terminal', async () => {
    expect(await cli(['get', 's', 'outputs/hostile.txt'], env)).toEqual({
      ...{ out: 'a\x1b[2J\nb', err: '', code: 0 },
    });
    const shown = CommandLine.inTerminal(['get', 's', 'outputs/hostile.txt'], env);
    expect(await shown.code()).toBe(0);
    expect(shown.out).toBe('a\\x1b[2J\r\nb');
    const head = CommandLine.inShell(
      '"$@" | head -c 5 | wc -c; echo ${PIPESTATUS[0]}',
      ['get', 's', 'outputs/large'],
      env,
    );
    await head.code();
    expect(head.out.trim()).toBe('5\n141');
    expect(head.err).toBe('');
  });

  it('are saved where the caller says, and nowhere else', async () => {
    const file = join(folder, 'data');
    const get = (...more: string[]) =>
      cli(['get', 's', 'outputs/data.csv', '-o', file, ...more], env);
    expect(await get()).toEqual({ out: '', err: '', code: 0 });
    expect(readFileSync(file, 'utf8')).toBe('data');
    writeFileSync(file, 'mine');
    expect(await get()).toMatchObject({
      err: `fermilink-runner: ${JSON.stringify(file)} is there already; take another name, or --force.\n`,
      code: 1,
    });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(await get('--force')).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8')).toBe('data');
    rmSync(file);
    const precious = join(folder, 'precious');
    writeFileSync(precious, 'mine');
    symlinkSync(precious, file);
    expect((await get()).code).toBe(1);
    expect((await get('--force')).code).toBe(0);
    expect(readFileSync(precious, 'utf8')).toBe('mine');
  });

  it('that are links, or not there, are refused and leave nothing', async () => {
    const file = join(folder, 'x');
    for (const path of ['outputs/link', 'outputs/none', 'outputs']) {
      expect(await cli(['get', 's', path, '-o', file], env)).toMatchObject({ code: 3 });
    }
    expect(await cli(['get', 's', '../../x', '-o', file], env)).toMatchObject({
      err: expect.stringContaining('A path must have no component'),
      code: 2,
    });
    expect(existsSync(file)).toBe(false);
  });
});

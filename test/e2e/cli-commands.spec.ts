import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { COMMAND_LINE, CommandLine, cli } from '../support/command-line.js';
import { eventually } from '../support/processes.js';
import { PROJECT, temporaryFolder } from '../support/runner.js';

const HOOKS = join(PROJECT, 'test', 'support', 'loaded-modules.mjs');

describe('fermilink-runner', () => {
  let folder: string;
  beforeEach(() => (folder = temporaryFolder()));
  afterEach(() => rmSync(folder, { recursive: true }));
  const home = () => ({ HOME: folder, FERMILINK_HOME: join(folder, 'fermilink') });

  it('says what there is, of itself and of every command', async () => {
    const { out, code } = await cli(['--help']);
    expect(code).toBe(0);
    const names = [...out.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name!);
    expect(names).toEqual(
      expect.arrayContaining([
        ...['serve', 'run', 'follow', 'runs', 'cancel', 'files', 'get', 'packages'],
        ...['token', 'doctor'],
      ]),
    );
    for (const name of names.filter((it) => it !== 'help')) {
      const help = await cli([name, '--help']);
      expect([name, help.code, help.err]).toEqual([name, 0, '']);
      for (const line of help.out.split('\n')) expect(line.length).toBeLessThanOrEqual(110);
      const usage = `Usage: fermilink-runner ${name}`;
      expect((await cli(['help', name])).out).toContain(usage);
      // That of tokens is there without the rest, and has words of its own.
      if (name !== 'token') expect(help.out).toContain(usage);
      else expect(help.out).toContain('--remove NAME');
    }
  }, 60_000);

  it.each([
    [[], /^Usage: fermilink-runner/],
    [['nonsense'], /unknown command 'nonsense'/],
    [['run'], /missing required argument 'prompt'/],
    [['run', 'a', 'b'], /too many arguments/],
    [['run', 'x', '--max-runtime', '1.5'], /It must be a whole number/],
    [['run', 'x', '--token', 'secret'], /unknown option '--token'/],
    [['runs', '--url', 'nonsense'], /address of the runner must begin with http/],
    [['runs', '--url', 'http://ada:pw@x'], /must not hold a name or a password/],
    [['runs', '--token-file', '/nonexistent'], /token file "\/nonexistent" cannot be read/],
    [['packages', 'upload', 'x', '/nonexistent'], /is no file; name a tar.gz/],
  ])('ends with 2 and says what is wrong with %j', async (args, words) => {
    const { out, err, code } = await cli(args);
    expect({ out, code }).toEqual({ out: '', code: 2 });
    expect(err).toMatch(words);
  });

  it('serves with the settings of its environment, and ends in order', async () => {
    const env = { ...home(), FERMILINK_AGENT_PROVIDER: 'demo', FERMILINK_RUNNER_PORT: '0' };
    const server = CommandLine.start(['serve'], env);
    const url = /"url":"([^"]+)"/.exec(await server.says('"listening"'))![1]!;
    const run = await cli(['run', 'hello', '--url', url]);
    expect(run).toMatchObject({ err: '', code: 0 });
    expect(run.out).toContain('The oscillator loses half its energy');
    server.process.kill('SIGTERM');
    expect(await server.code()).toBe(0);
  }, 60_000);

  it('says what stops the server from starting', async () => {
    const { out, code } = await cli(['serve'], { ...home(), FERMILINK_RUNNER_PORT: 'x' });
    expect(code).toBe(1);
    expect(out).toContain('FERMILINK_RUNNER_PORT');
  });

  it('is the same doctor as `npm run doctor`', async () => {
    const env = { ...home(), FERMILINK_AGENT_PROVIDER: 'demo' };
    const { out, code } = await cli(['doctor', '--json'], env);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ configured_provider: 'demo', works: true });
    const text = await cli(['doctor'], env);
    const other = spawnSync(process.execPath, [join(PROJECT, 'dist', 'doctor.js')], {
      env: { PATH: process.env.PATH, ...env },
      encoding: 'utf8',
    });
    expect(text.out).toBe(other.stdout);
  }, 60_000);

  it('loads for a command only what that command needs', async () => {
    const loaded = join(folder, 'loaded');
    const modulesOf = (...args: string[]) => {
      writeFileSync(loaded, '');
      spawnSync(process.execPath, ['--import', HOOKS, COMMAND_LINE, ...args], {
        env: { PATH: process.env.PATH, ...home(), LOADED_MODULES: loaded },
      });
      return readFileSync(loaded, 'utf8');
    };
    const server = /node_modules\/(@nestjs|class-validator|pino|jose|rxjs)|dist\/(run|server|ops)/;
    for (const args of [['--help'], ['runs'], ['run', 'x', '--detach'], ['files', 's']]) {
      const modules = modulesOf(...args, '--url', 'http://127.0.0.1:9');
      expect(modules).toContain('dist/cli/program.js');
      expect(modules).not.toMatch(server);
    }
    expect(modulesOf('runs', '--url', 'http://127.0.0.1:9')).toContain('dist/client/index.js');
    expect(modulesOf('--help')).not.toMatch(/dist\/client|string-width/);
    const doctor = modulesOf('doctor');
    expect(doctor).toContain('dist/ops/doctor.js');
    expect(doctor).not.toMatch(/dist\/client|string-width|dist\/server|@nestjs\/core/);
  }, 60_000);

  it('makes a token that its server knows', async () => {
    const tokens = { FERMILINK_RUNNER_TOKENS_FILE: join(folder, 'tokens.json') };
    const made = await cli(['token', '--name', 'ada', '--scopes', 'runs:read'], tokens);
    expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^\S+\n$/) });
    const file = join(folder, 'token');
    writeFileSync(file, made.out);
    expect((await cli(['token', '--list'], tokens)).out).toMatch(/^ada\b/);
    const env = { ...home(), ...tokens, FERMILINK_AGENT_PROVIDER: 'demo' };
    const server = CommandLine.start(['serve'], { ...env, FERMILINK_RUNNER_PORT: '0' });
    const url = /"url":"([^"]+)"/.exec(await server.says('"listening"'))![1]!;
    const ask = (...args: string[]) => cli([...args, '--url', url]);
    expect(await ask('runs')).toMatchObject({ code: 3, err: expect.stringContaining('(unauth') });
    expect(await ask('runs', '--token-file', file)).toMatchObject({ code: 0 });
    expect(await ask('run', 'x', '--token-file', file)).toMatchObject({
      ...{ code: 3, err: expect.stringContaining('(forbidden)') },
    });
    server.process.kill('SIGTERM');
    expect(await server.code()).toBe(0);
  }, 60_000);

  it('shows the token to the server alone', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers);
      response.writeHead(401, { 'content-type': 'application/problem+json' });
      response.end('{"code":"unauthenticated","detail":"There is no token, or not a good one."}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      writeFileSync(join(folder, 'token'), 'of-a-file\n');
      const args = ['runs', '--url', url, '--token-file', join(folder, 'token'), '--user', 'zoë'];
      const { err, code } = await cli(args);
      expect({ err, code }).toEqual({
        err:
          'fermilink-runner: There is no token, or not a good one. ' +
          'Name a file with a token (--token-file, FERMILINK_RUNNER_TOKEN_FILE). (unauthenticated)\n',
        code: 3,
      });
      await cli(['cancel', 'x', '--url', url], { FERMILINK_RUNNER_TOKEN: 'of-a-variable' });
      expect(seen.map(({ authorization }) => authorization)).toEqual([
        'Bearer of-a-file',
        'Bearer of-a-variable',
      ]);
      expect(Buffer.from(String(seen[0]!['x-fermilink-user']), 'latin1').toString()).toBe('zoë');
    } finally {
      server.close();
    }
  });

  it('tells of a server that is started again in the middle of a run', async () => {
    const env = { ...home(), FERMILINK_AGENT_PROVIDER: 'demo', FERMILINK_RUNNER_PORT: '0' };
    const first = CommandLine.start(['serve'], env);
    const url = /"url":"([^"]+)"/.exec(await first.says('"listening"'))![1]!;
    const run = CommandLine.start(['run', 'hello', '--keep', '--url', url]);
    await run.says('You asked');
    first.process.kill('SIGKILL');
    await first.code();
    await run.says('no connection to the server; trying again in');
    const port = new URL(url).port;
    const second = CommandLine.start(['serve'], { ...env, FERMILINK_RUNNER_PORT: port });
    expect(await run.code()).toBe(1);
    expect(run.out.match(/You asked/g)).toHaveLength(1);
    expect(run.out).toMatch(/^lost after [\s\S]*\(server_died\)\n$/m);
    second.process.kill('SIGTERM');
    await eventually(
      () => second.process.exitCode,
      (code) => code === 0,
    );
  }, 90_000);
});

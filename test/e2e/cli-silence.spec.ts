import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { CommandLine, cli } from '../support/command-line.js';
import { Runner } from '../support/runner.js';

/** What a command may take that has to give up: its own limit, and the start of a process. */
const LIMIT_MS = 20_000;

describe('fermilink-runner, where a server takes connections and says nothing', () => {
  let server: Server;
  let sockets: Set<Socket>;
  let env: Record<string, string>;

  beforeAll(async () => {
    sockets = new Set();
    server = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    env = { FERMILINK_RUNNER_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });

  it(
    'ends with 4, whatever it was to do',
    async () => {
      const commands = [
        ...[['runs'], ['run', 'x'], ['run', 'x', '--detach'], ['follow', 'x'], ['cancel', 'x']],
        ...[['files', 's'], ['get', 's', 'x'], ['packages'], ['packages', 'remove', 'x']],
      ];
      const ended = await Promise.all(commands.map((args) => cli(args, env)));
      expect(ended.map(({ code }) => code)).toEqual(commands.map(() => 4));
      for (const { err } of ended) {
        expect(err).toMatch(
          /does not answer.* Look whether it runs, and at --url .*\(unreachable\)\n$/,
        );
      }
    },
    LIMIT_MS,
  );

  it(
    'leaves a run whose server stops to answer, when it was asked in vain to end it',
    async () => {
      const runner = await Runner.start({ FERMILINK_AGENT_PROVIDER: 'codex' });
      const run = CommandLine.start(['run', 'echo begun >&2; sleep 1000', '--url', runner.url]);
      try {
        await run.says('begun');
        runner.process.kill('SIGSTOP');
        run.process.kill('SIGINT');
        expect(await run.code()).toBe(130);
        expect(run.out).toContain('The server could not be asked.');
      } finally {
        runner.process.kill('SIGCONT');
        await runner.stop();
      }
    },
    2 * LIMIT_MS,
  );
});

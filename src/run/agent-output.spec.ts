import { AgentSpawner } from './agent-process.js';
import { ProcessTable } from './process-table.js';

const LINES = 10_000;

/** Takes its time for all that it is given, as a server does that has many agents to listen to. */
class SlowSink {
  lines = 0;

  sink() {
    return {
      lines: (block: Buffer) => {
        this.lines += block.toString('latin1').split('\n').length;
        for (const until = performance.now() + 40; performance.now() < until;);
      },
      cut: () => undefined,
    };
  }
}

describe('what an agent has written before it ended', () => {
  // Twice, so that one has to wait for its turn while the other has its own.
  it('is read whole, however long others have their turns and whoever holds its pipes', async () => {
    const spawner = new AgentSpawner(new ProcessTable());
    const runs = [new SlowSink(), new SlowSink()].map(async (heard) => {
      const cookie = `agent-output-${process.pid}-${Math.random()}`;
      const agent = await spawner.spawn(
        {
          command: '/bin/sh',
          args: ['-c', `sleep 3600 & seq ${LINES}`],
          env: { FERMILINK_RUN_COOKIE: cookie, PATH: process.env.PATH! },
          stdin: '',
          cwd: '/',
          cookie,
          politeSignal: 'SIGTERM',
          maxLineBytes: 1 << 20,
          maxOutputBytes: 1 << 30,
        },
        {
          stdout: heard.sink(),
          stderr: { lines: () => undefined, cut: () => undefined },
          output: () => undefined,
          outputLimit: () => undefined,
        },
      );
      await agent.exited;
      await agent.drain();
      await agent.end();
      spawner.dismiss(agent);
      return heard.lines;
    });
    expect(await Promise.all(runs)).toEqual([LINES, LINES]);
  });
});

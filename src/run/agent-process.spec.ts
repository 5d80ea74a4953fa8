import { AgentSpawner, type AgentProcess } from './agent-process.js';
import { ProcessTable } from './process-table.js';

/** Counts the looks that are asked for. */
class CountedTable extends ProcessTable {
  looks = 0;

  override look() {
    this.looks += 1;
    return super.look();
  }
}

describe('the agents of a server', () => {
  it('are looked at together, so that a look costs the same however many they are', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'performance'] });
    try {
      const table = new CountedTable();
      const spawner = new AgentSpawner(table);
      const agents: AgentProcess[] = [];
      for (let i = 0; i < 3; i += 1) {
        jest.advanceTimersByTime(1000);
        agents.push(await spawner.spawn(command(`cookie-${i}`), sinks));
      }
      table.looks = 0;
      jest.advanceTimersByTime(20_000);
      expect(table.looks).toBe(4);
      for (const agent of agents) {
        await agent.end();
        spawner.dismiss(agent);
      }
      table.looks = 0;
      jest.advanceTimersByTime(20_000);
      expect([table.looks, jest.getTimerCount()]).toEqual([0, 0]);
    } finally {
      jest.useRealTimers();
    }
  });
});

const sinks = {
  stdout: { lines: () => undefined, cut: () => undefined },
  stderr: { lines: () => undefined, cut: () => undefined },
  output: () => undefined,
  outputLimit: () => undefined,
};

function command(cookie: string) {
  return {
    command: '/bin/sleep',
    args: ['3600'],
    env: { FERMILINK_RUN_COOKIE: cookie },
    stdin: '',
    cwd: '/',
    cookie,
    politeSignal: 'SIGTERM' as const,
    maxLineBytes: 1000,
    maxOutputBytes: 1000,
  };
}

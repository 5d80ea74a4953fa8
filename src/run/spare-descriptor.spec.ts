import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileSource } from '../../test/support/compiled-source.js';

/** Takes every descriptor that there is, and then ends a tree. */
const SERVER = `
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { readProcess, RUN_COOKIE_VARIABLE } from './run/proc.js';
import { ProcessTable } from './run/process-table.js';
import { ProcessTree } from './run/process-tree.js';

const agent = spawn('/usr/bin/setsid', ['/bin/sleep', '600'], {
  stdio: 'ignore',
  env: { [RUN_COOKIE_VARIABLE]: 'of-this-test' },
});
await once(agent, 'spawn');
const { startTime } = readProcess(agent.pid);
const table = new ProcessTable();
const tree = new ProcessTree(table, { pid: agent.pid, startTime }, 'of-this-test');

/** Takes what there is, and gives the reason why there is no more. */
function takeAll() {
  for (;;) {
    try {
      openSync('/dev/null', 'r');
    } catch ({ code }) {
      return code;
    }
  }
}

const refusals = [takeAll()];
const seen = (await tree.look()).map(({ pid }) => pid === agent.pid);
const left = await tree.kill(5);
const exited = agent.signalCode ?? (await once(agent, 'exit'))[1];
refusals.push(takeAll());
const seenAfter = (await tree.look()).length;
console.log(JSON.stringify({ refusals, seen, left, exited, seenAfter }));
`;

describe('the spare descriptor', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'fermilink-spare-'));
    compileSource(['run', 'common'], folder);
    writeFileSync(join(folder, 'server.js'), SERVER);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('lets a tree be seen and ended while all others are taken, and is kept again', () => {
    const limits = ['--nofile=1024:1024', process.execPath, join(folder, 'server.js')];
    const answer = execFileSync('prlimit', limits, { encoding: 'utf8' });
    expect(JSON.parse(answer)).toEqual({
      refusals: ['EMFILE', 'EMFILE'],
      seen: [true],
      left: 0,
      exited: 'SIGKILL',
      seenAfter: 0,
    });
  });
});

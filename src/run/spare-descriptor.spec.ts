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
import { ProcessTable, readProcess, RUN_COOKIE_VARIABLE } from './run/process-table.js';
import { ProcessTree } from './run/process-tree.js';

const agent = spawn('/usr/bin/setsid', ['/bin/sleep', '600'], {
  stdio: 'ignore',
  env: { [RUN_COOKIE_VARIABLE]: 'of-this-test' },
});
await once(agent, 'spawn');
const { startTime } = readProcess(agent.pid);
const table = new ProcessTable();
const tree = new ProcessTree(table, { pid: agent.pid, startTime }, 'of-this-test');
let refusal = null;
let taken = 0;
while (refusal === null) {
  try {
    openSync('/dev/null', 'r');
    taken += 1;
  } catch ({ code }) {
    refusal = code;
  }
}
const seen = (await tree.look()).map(({ pid }) => pid === agent.pid);
const left = await tree.kill(5);
const exited = agent.signalCode ?? (await once(agent, 'exit'))[1];
let stillRefused = null;
try {
  openSync('/dev/null', 'r');
} catch ({ code }) {
  stillRefused = code;
}
console.log(JSON.stringify({ refusal, taken, seen, left, exited, stillRefused }));
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
    const { taken, ...rest } = JSON.parse(answer) as Record<string, unknown>;
    expect(taken).toBeGreaterThan(0);
    expect(rest).toEqual({
      refusal: 'EMFILE',
      seen: [true],
      left: 0,
      exited: 'SIGKILL',
      stillRefused: 'EMFILE',
    });
  });
});

/*
 * Runs a suite that `npm test` leaves out: `npm run test:faults` and `npm run test:agents` in full, with
 * `-- --ci` in the short form for a machine that has other things to do. All other arguments go to jest. In
 * full one file of faults runs at a time: several measure the server. Otherwise two: they mostly wait.
 */
const { spawn } = require('node:child_process');
const { dirname, join } = require('node:path');

const [suite, ...args] = process.argv.slice(2);
const { pattern, isMeasured, options } = {
  faults: { pattern: '**/test/faults/*.faults.ts', isMeasured: true, options: [] },
  agents: {
    // In short the CLIs that the project knows, in full that of a providers file too.
    pattern: args.includes('--ci') ? '**/test/agents/*.agent.ts' : '**/test/agents/**/*.agent.ts',
    isMeasured: false,
    options: ['--globalSetup', './test/agents/install.cjs'],
  },
}[suite];
const isShort = args.includes('--ci');
const jest = spawn(
  process.execPath,
  [
    join(dirname(require.resolve('jest/package.json')), 'bin', 'jest.js'),
    ...['--testMatch', pattern],
    ...options,
    ...['--reporters', 'default', '--reporters', './test/support/count-reporter.cjs'],
    // Behind the lists, which would take the name of a test for one more of their own.
    isMeasured && !isShort ? '--runInBand' : '--maxWorkers=2',
    ...args.filter((it) => it !== '--ci'),
  ],
  { stdio: 'inherit', env: { ...process.env, ...(isShort ? { TEST_FORM: 'short' } : {}) } },
);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => jest.kill(signal));
jest.on('exit', (code) => {
  process.exitCode = code ?? 1;
});

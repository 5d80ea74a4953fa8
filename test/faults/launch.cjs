/*
 * Runs the fault suite: `npm run test:faults` in full, with `-- --ci` in the short form for a machine that has
 * other things to do. All other arguments go to jest. In full one file runs at a time: several measure the
 * server. In the short form, whose bounds are wide, two: they mostly wait.
 */
const { spawn } = require('node:child_process');
const { dirname, join } = require('node:path');

const args = process.argv.slice(2);
const isShort = args.includes('--ci');
const jest = spawn(
  process.execPath,
  [
    join(dirname(require.resolve('jest/package.json')), 'bin', 'jest.js'),
    ...['--testMatch', '**/test/faults/*.faults.ts'],
    ...['--reporters', 'default', '--reporters', './test/support/count-reporter.cjs'],
    // Behind the lists, which would take the name of a test for one more of their own.
    isShort ? '--maxWorkers=2' : '--runInBand',
    ...args.filter((it) => it !== '--ci'),
  ],
  { stdio: 'inherit', env: { ...process.env, ...(isShort ? { FAULTS_FORM: 'short' } : {}) } },
);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => jest.kill(signal));
jest.on('exit', (code) => {
  process.exitCode = code ?? 1;
});

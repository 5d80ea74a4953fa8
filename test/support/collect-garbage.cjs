/*
 * Loaded into a server under test by `--require`: on SIGUSR2 it collects all garbage at once. What is in
 * use after that is in use, where the size of a process says as much of the mood of its collector.
 */
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
process.on('SIGUSR2', () => collect());

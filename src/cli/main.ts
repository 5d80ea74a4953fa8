#!/usr/bin/env node
/** `fermilink-runner`: the server, and what people do with one from a terminal. */
import { CommanderError } from 'commander';
import { EXIT } from './exit-codes.js';
import { program } from './program.js';

// Where nobody reads what went wrong, nobody is to be told.
process.stderr.on('error', () => undefined);

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A command that has something to bring in order listens itself.
  if (process.stdout.listenerCount('error') > 1) return;
  process.exit(error.code === 'EPIPE' ? EXIT.pipe : EXIT.failed);
});

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // It has said by itself what was wrong.
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    const { failureOf } = await import('./failure.js');
    const { text, exitCode } = failureOf(error);
    if (text !== null) process.stderr.write(`fermilink-runner: ${text}\n`);
    process.exitCode = exitCode;
  }
}

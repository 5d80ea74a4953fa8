import type { Command } from 'commander';

/** The options of every command that asks a server. */
export interface ConnectionOptions {
  url?: string;
  tokenFile?: string;
  user?: string;
}

/** Gives a command the options of a connection. */
export function withConnection(command: Command): Command {
  return command
    .option('--url <url>', 'the server')
    .option('--token-file <file>', 'a file that holds the token')
    .option('--user <user>', 'for whom, where the token may speak for any user');
}

export const connectionHelp = `
Without --url: FERMILINK_RUNNER_URL, else http://127.0.0.1:8000. Without --token-file:
FERMILINK_RUNNER_TOKEN_FILE or FERMILINK_RUNNER_TOKEN.`;

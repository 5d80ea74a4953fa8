import { absolute } from './folders.js';
import { readSmallFile } from './small-file.js';

/** Variables of the command line; the server knows them, so that it does not take them for mistyped ones. */
export const CLI_VARIABLES: readonly string[] = [
  'FERMILINK_RUNNER_URL',
  'FERMILINK_RUNNER_TOKEN',
  'FERMILINK_RUNNER_TOKEN_FILE',
];

const DEFAULT_URL = 'http://127.0.0.1:8000';
const MAX_TOKEN_BYTES = 64 * 1024;

/** What the command line takes from its environment. */
export interface CliEnvironment {
  /** Where the server is. */
  url: string;
  /** Null where there is none. */
  token: string | null;
  /** Colours are wanted. */
  wantsColor: boolean;
  /** The terminal can move its cursor. */
  isCapable: boolean;
}

/** Something of the environment, or a file that it names, cannot be used; the message says what to do. */
export class CliEnvironmentError extends Error {}

/**
 * Reads the variables of the command line.
 * @param tokenFile a file that holds the token, in the place of the variables
 * @throws {CliEnvironmentError} if a token cannot be read
 */
export function cliEnvironment(
  tokenFile?: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): CliEnvironment {
  const file = tokenFile ?? set(env.FERMILINK_RUNNER_TOKEN_FILE);
  const token = set(env.FERMILINK_RUNNER_TOKEN) ?? null;
  if (tokenFile === undefined && file !== undefined && token !== null) {
    throw new CliEnvironmentError(
      'FERMILINK_RUNNER_TOKEN_FILE is set, but FERMILINK_RUNNER_TOKEN is too; set only one of them.',
    );
  }
  return {
    url: set(env.FERMILINK_RUNNER_URL) ?? DEFAULT_URL,
    token: file === undefined ? token : tokenIn(file),
    wantsColor: (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb',
    isCapable: env.TERM !== 'dumb',
  };
}

function set(value: string | undefined): string | undefined {
  return value?.trim() || undefined;
}

function tokenIn(file: string): string {
  let token: string;
  try {
    token = readSmallFile(absolute(file, file), MAX_TOKEN_BYTES).trim();
  } catch {
    throw new CliEnvironmentError(
      `The token file ${JSON.stringify(file)} cannot be read; name one that you may read.`,
    );
  }
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new CliEnvironmentError(
    `The token file ${JSON.stringify(file)} must hold the token alone, in one line.`,
  );
}

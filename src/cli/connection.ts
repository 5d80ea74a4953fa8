import { RunnerClient } from '../client/index.js';
import { type CliEnvironment, cliEnvironment } from '../config/cli-environment.js';
import type { ConnectionOptions } from './options.js';
import { Screen } from './screen.js';

/** Seconds that a server may not answer: mostly it is its address that is wrong. */
export const ANSWER_SECONDS = 5;

/** The server that the options and the environment name. @throws {RunnerArgumentError} if they name none */
export function connect({ url, tokenFile, user }: ConnectionOptions): {
  client: RunnerClient;
  environment: CliEnvironment;
} {
  const environment = cliEnvironment(tokenFile);
  const { token } = environment;
  const client = new RunnerClient({
    baseUrl: url ?? environment.url,
    answerSeconds: ANSWER_SECONDS,
    ...(token === null ? {} : { token }),
    ...(user === undefined ? {} : { user }),
  });
  return { client, environment };
}

/** Where a command writes for people. */
export function screenOn(out: NodeJS.WriteStream, environment: CliEnvironment): Screen {
  const isTerminal = out.isTTY === true;
  return new Screen(out, isTerminal && environment.isCapable, isTerminal && environment.wantsColor);
}

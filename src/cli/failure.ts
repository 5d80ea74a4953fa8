import {
  RunnerArgumentError,
  RunnerProblem,
  RunnerProtocolError,
  RunnerUnreachable,
} from '../client/index.js';
import { errnoOf } from '../common/errors.js';
import { CliEnvironmentError } from '../config/cli-environment.js';
import { EXIT } from './exit-codes.js';
import { safeLine } from './safe-text.js';

/** The command cannot be done as it was given; the message says what to do. */
export class UsageError extends Error {}

/** Something on this side does not work; the message says what to do. */
export class LocalError extends Error {}

/** An end with a code and no word: everything has been said. */
export class Ending extends Error {
  constructor(readonly exitCode: number) {
    super();
  }
}

/** What to do about a refusal, where the server's sentence cannot know. */
const ADVICE: Readonly<Record<string, string>> = {
  unauthenticated: 'Name a file with a token (--token-file, FERMILINK_RUNNER_TOKEN_FILE).',
  package_exists: 'Here that is --replace.',
  session_busy: 'Wait for its run, or take --on-busy queue.',
};

/** What became of a command that failed: a sentence for stderr, and the exit code. */
export function failureOf(error: unknown): { text: string | null; exitCode: number } {
  if (error instanceof Ending) return { text: null, exitCode: error.exitCode };
  if (errnoOf(error) === 'EPIPE') return { text: null, exitCode: EXIT.pipe };
  if (
    error instanceof UsageError ||
    error instanceof CliEnvironmentError ||
    error instanceof RunnerArgumentError
  ) {
    return { text: safeLine(error.message), exitCode: EXIT.usage };
  }
  if (error instanceof RunnerProblem) return { text: problemText(error), exitCode: EXIT.refused };
  if (error instanceof RunnerUnreachable) {
    const text = `${error.message} Look whether it runs, and at --url or FERMILINK_RUNNER_URL. (unreachable)`;
    return { text: safeLine(text), exitCode: EXIT.unreachable };
  }
  if (error instanceof RunnerProtocolError) {
    return { text: safeLine(error.message), exitCode: EXIT.unreachable };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { text: safeLine(message), exitCode: EXIT.failed };
}

function problemText(problem: RunnerProblem): string {
  const { code, detail, errors, retryAfterSeconds, runId } = problem;
  const parts = [
    detail,
    // As a rule the sentence names them itself.
    ...errors
      .filter(({ field, message }) => !detail.includes(`${field} ${message}`))
      .map(({ field, message }) => `${field} ${message}.`),
    ...(retryAfterSeconds === null ? [] : [`Try again in ${retryAfterSeconds} s.`]),
    ...(code !== null && ADVICE[code] !== undefined ? [ADVICE[code]] : []),
    ...(runId === null ? [] : [`It was run ${runId}.`]),
    `(${code ?? problem.status})`,
  ];
  return safeLine(parts.join(' '));
}

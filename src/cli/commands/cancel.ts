import type { RunBody } from '../../client/index.js';
import { connect } from '../connection.js';
import { EXIT } from '../exit-codes.js';
import type { ConnectionOptions } from '../options.js';
import { safeJsonLine, safeLine } from '../safe-text.js';

interface Options extends ConnectionOptions {
  json?: boolean;
}

/** `fermilink-runner cancel`: ends a run, and says what has become of it. */
export async function cancel(runId: string, options: Options): Promise<void> {
  const run = await connect(options).client.cancel(runId);
  if (run.ended_at === null) process.exitCode = EXIT.failed;
  process.stdout.write(`${options.json === true ? safeJsonLine(run) : sentenceOf(run)}\n`);
}

function sentenceOf({ ended_at, state, code, detail }: RunBody): string {
  if (ended_at === null) return 'The run is being ended; it takes longer than 10 s.';
  return safeLine(
    `${state}${code === null ? '' : ` (${code})`}${detail === null ? '' : `: ${detail}`}`,
  );
}

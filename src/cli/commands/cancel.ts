import { connect } from '../connection.js';
import { EXIT } from '../exit-codes.js';
import type { ConnectionOptions } from '../options.js';
import { safeLine } from '../safe-text.js';

/** `fermilink-runner cancel`: ends a run, and says what has become of it. */
export async function cancel(runId: string, options: ConnectionOptions): Promise<void> {
  const { client } = connect(options);
  const run = await client.cancel(runId);
  if (run.ended_at === null) {
    process.stdout.write('The run is being ended; it takes longer than 10 s.\n');
    process.exitCode = EXIT.failed;
    return;
  }
  const detail = run.detail === null ? '' : `: ${safeLine(run.detail)}`;
  process.stdout.write(`${run.state}${run.code === null ? '' : ` (${run.code})`}${detail}\n`);
}

import type { View } from '../../client/index.js';
import { connect, screenOn } from '../connection.js';
import { showRun } from '../follow-run.js';
import type { ConnectionOptions } from '../options.js';

interface Options extends ConnectionOptions {
  after?: number;
  view?: View;
  json?: boolean;
}

/** `fermilink-runner follow`: shows a run that somebody has made before. */
export async function follow(runId: string, options: Options): Promise<void> {
  const { client, environment } = connect(options);
  const isJson = options.json === true;
  const view = options.view ?? (isJson ? 'raw' : 'activity');
  const { after } = options;
  const screen = screenOn(process.stdout, environment);
  process.exitCode = await showRun(
    (reconnect) => client.follow(runId, { view, after, reconnect }),
    { ...{ client, screen, isJson }, cancels: false },
  );
}

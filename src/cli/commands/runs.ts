import type { RunBody, RunState } from '../../client/index.js';
import { connect } from '../connection.js';
import { durationText } from '../durations.js';
import type { ConnectionOptions } from '../options.js';
import { safeJsonLine } from '../safe-text.js';
import { table } from '../table.js';

interface Options extends ConnectionOptions {
  session?: string;
  state?: string;
  limit?: number;
  json?: boolean;
}

const DEFAULT_LIMIT = 20;
const MAX_PAGE = 200;

/** `fermilink-runner runs`: a line for each run, newest first. */
export async function runs({ session, state, limit, json, ...connection }: Options): Promise<void> {
  const { client } = connect(connection);
  const most = limit ?? DEFAULT_LIMIT;
  const filter = { session_id: session, state: state as RunState | undefined };
  const found: RunBody[] = [];
  if (most > 0) {
    for await (const run of client.list(filter, { pageSize: Math.min(most, MAX_PAGE) })) {
      found.push(run);
      if (found.length >= most) break;
    }
  }
  if (json === true) {
    for (const run of found) process.stdout.write(`${safeJsonLine(run)}\n`);
    return;
  }
  const rows = found.map((run) => [
    run.run_id,
    run.state + (run.position === undefined ? '' : ` (place ${run.position})`),
    run.outcome ?? '-',
    timeText(run.created_at),
    tookText(run),
    run.session_id,
    run.user_id ?? '-',
  ]);
  const head = ['RUN', 'STATE', 'OUTCOME', 'MADE', 'TOOK', 'SESSION', 'USER'];
  process.stdout.write(table([head, ...rows]));
}

/** In UTC, as in the log of the server and everything else that it writes, to the second. */
function timeText(utc: string): string {
  const time = new Date(utc);
  return Number.isNaN(time.getTime()) ? '-' : time.toISOString().replace(/\.\d+/, '');
}

function tookText({ started_at, ended_at }: RunBody): string {
  const took = Date.parse(ended_at ?? '') - Date.parse(started_at ?? '');
  return Number.isNaN(took) ? '-' : durationText(took);
}

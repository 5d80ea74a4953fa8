import { text } from 'node:stream/consumers';
import type { RunnerClient, RunRequest, View } from '../../client/index.js';
import { connect, screenOn } from '../connection.js';
import { LocalError } from '../failure.js';
import { showRun } from '../follow-run.js';
import type { ConnectionOptions } from '../options.js';
import { safeJsonLine } from '../safe-text.js';

interface Options extends ConnectionOptions {
  session?: string;
  package?: string;
  sandbox?: string;
  continue?: boolean;
  onBusy?: 'queue' | 'reject' | 'interrupt';
  maxRuntime?: number;
  keep?: boolean;
  detach?: boolean;
  view?: View;
  json?: boolean;
}

/** `fermilink-runner run`: makes a run and shows it to its end. */
export async function run(prompt: string, options: Options): Promise<void> {
  const { client, environment } = connect(options);
  const request = requestOf(prompt === '-' ? await promptFromStdin() : prompt, options);
  const isJson = options.json === true;
  if (options.detach === true) return detach(client, request, isJson);
  const view = options.view ?? (isJson ? 'raw' : 'activity');
  const screen = screenOn(process.stdout, environment);
  process.exitCode = await showRun((reconnect) => client.run(request, { view, reconnect }), {
    ...{ client, screen, isJson },
    cancels: true,
  });
}

async function detach(client: RunnerClient, request: RunRequest, isJson: boolean): Promise<void> {
  const made = await client.create(request);
  process.stdout.write(`${isJson ? safeJsonLine(made) : made.run_id}\n`);
}

function requestOf(user_prompt: string, options: Options): RunRequest {
  return {
    user_prompt,
    session_id: options.session,
    package_id: options.package,
    sandbox: options.sandbox,
    on_busy: options.onBusy,
    max_runtime_seconds: options.maxRuntime,
    ...(options.continue === true ? { continue_conversation: true } : {}),
    ...(options.keep === true ? { on_disconnect: 'continue' } : {}),
  };
}

async function promptFromStdin(): Promise<string> {
  try {
    return await text(process.stdin);
  } catch {
    throw new LocalError('The prompt could not be read from stdin; give it as an argument.');
  }
}

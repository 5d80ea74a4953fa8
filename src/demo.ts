/**
 * `npm run demo`: a tour of the runner for somebody who has just cloned it. Starts the server with the
 * demo provider and a sample package on a free port, sends one run, shows the stream and the files that
 * it left, and keeps serving. With `--once` it stops after the run. However it ends, the server and its
 * folder go with it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const SESSION = 'demo-session';
const PACKAGE = 'sample-package';
const SERVER = join(dirname(fileURLToPath(import.meta.url)), 'main.js');

const say = (text = '') => process.stdout.write(`${text}\n`);

/** A package as an administrator would have installed it. */
async function writeSamplePackage(home: string): Promise<void> {
  const root = join(home, 'scientific_packages');
  const folder = join(root, 'packages', PACKAGE);
  await mkdir(join(folder, 'examples'), { recursive: true });
  await writeFile(
    join(folder, 'README.md'),
    '# A sample package\n\nIt is linked into the session.\n',
  );
  await writeFile(
    join(folder, 'examples', 'oscillator.json'),
    '{"gamma_per_s": 0.1, "omega_per_s": 2}\n',
  );
  const now = new Date().toISOString();
  const meta = {
    id: PACKAGE,
    title: 'Sample package',
    installed_path: folder,
    source: `local-path:${folder}`,
    status: 'installed',
    installed_at: now,
    updated_at: now,
  };
  const registry = {
    version: 1,
    active_package: PACKAGE,
    packages: { [PACKAGE]: meta },
    updated_at: now,
  };
  await writeFile(join(root, 'registry.json'), `${JSON.stringify(registry, null, 2)}\n`);
}

/** Starts the server; somebody else waits for its end. */
function spawnServer(home: string) {
  return spawn(process.execPath, [SERVER], {
    env: {
      // What is set here for another runner must not divert this one.
      ...Object.fromEntries(
        Object.entries(process.env).filter(([name]) => !name.startsWith('FERMILINK_')),
      ),
      FERMILINK_HOME: home,
      FERMILINK_RUNNER_PORT: '0',
      FERMILINK_RUNNER_DRAIN_SECONDS: '0',
      FERMILINK_AGENT_PROVIDER: 'demo',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
    // In a group of its own: Ctrl-C reaches this process alone, which then ends the server.
    detached: true,
  });
}

/** Waits until the server says where it listens. */
async function listening(log: Readable): Promise<string> {
  for await (const line of createInterface({ input: log })) {
    const { url, msg } = JSON.parse(line) as { url?: string; msg?: string };
    if (url !== undefined) {
      // From here on its log is not shown, but it has to be read, or the server would wait.
      log.resume();
      return url;
    }
    say(line.includes('"fatal"') ? `The server says: ${msg}` : line);
  }
  throw new Error('The server ended before it listened.');
}

async function run(url: string, signal: AbortSignal): Promise<void> {
  const body = {
    user_prompt: 'Show me how a damped oscillator loses its energy.',
    session_id: SESSION,
  };
  say(`$ curl -N ${url}/run -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`);
  const answer = await fetch(`${url}/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });
  if (!answer.ok || answer.body === null) throw new Error(await answer.text());
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    const part = decoder.decode(chunk, { stream: true });
    process.stdout.write(part);
    text += part;
  }
  if (!text.includes('"reason":"completed","return_code":0')) {
    throw new Error('The run did not end as it should have.');
  }
}

/** Prints the files of a session, links with their targets. */
async function show(repo: string): Promise<void> {
  say(`Files in ${repo}:`);
  for (const entry of await readdir(repo, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name).slice(repo.length + 1);
    if (path.startsWith('.git/') || path === '.git') continue;
    if (entry.isSymbolicLink()) say(`  ${path} (linked)`);
    else if (entry.isFile()) say(`  ${path}`);
  }
}

/** Everything that there is to see. @param ending aborted when it is to end before its time */
async function tour(home: string, isOnce: boolean, ending: AbortSignal): Promise<void> {
  await writeSamplePackage(home);
  ending.throwIfAborted();
  const server = spawnServer(home);
  const ended = once(server, 'exit');
  const stop = () => server.kill('SIGTERM');
  ending.addEventListener('abort', stop);
  try {
    const url = await listening(server.stdout);
    say(`The runner listens on ${url}. It has sent its first run to the demo agent:\n`);
    await run(url, ending);
    await show(join(home, 'workspaces', SESSION, 'repo'));
    if (isOnce) {
      say('\nThat was the demo. The server ends, and the files above are removed again.');
      return;
    }
    say('\nTry next:');
    say(`  curl ${url}/health/ready`);
    say(`  curl ${url}/ops/concurrency`);
    say(`  curl '${url}/ops/admission?user_id=ada'`);
    say(`  curl ${url}/metrics`);
    say(`  curl '${url}/sessions/${SESSION}/files?path=outputs'`);
    say(`  ${url}/docs in a browser: every route, to be tried`);
    say('\nServing until Ctrl-C; then everything above is removed again.');
    await ended;
  } finally {
    ending.removeEventListener('abort', stop);
    // A second signal would kill what the server is just ending in order.
    if (!ending.aborted) stop();
    await ended;
  }
}

async function main(): Promise<void> {
  const unknown = process.argv.slice(2).find((option) => option !== '--once');
  if (unknown !== undefined) {
    throw new Error(`There is no option "${unknown}"; the demo knows --once and nothing else.`);
  }
  const ending = new AbortController();
  const end = () => ending.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  // Nobody reads any more (`… | head`), or the terminal has been closed.
  process.stdout.on('error', end);
  const home = await mkdtemp(join(tmpdir(), 'fermilink-demo-'));
  try {
    await tour(home, process.argv.includes('--once'), ending.signal);
  } catch (error) {
    // What fails because it is to end is no fault.
    if (!ending.signal.aborted) throw error;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

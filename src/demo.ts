/**
 * `npm run demo`: a tour of the runner for somebody who has just cloned it. Starts the server with the
 * demo provider and a sample package on a free port, sends one run, shows the stream and the files that
 * it left, and keeps serving. With `--once` it stops after the run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
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

/** Starts the server and waits until it says where it listens. */
async function startServer(home: string): Promise<{ server: ChildProcess; url: string }> {
  const server = spawn(process.execPath, [SERVER], {
    env: {
      // What is set here for another runner must not divert this one.
      ...Object.fromEntries(
        Object.entries(process.env).filter(([name]) => !name.startsWith('FERMILINK_')),
      ),
      FERMILINK_HOME: home,
      FERMILINK_RUNNER_PORT: '0',
      FERMILINK_AGENT_PROVIDER: 'demo',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
    // In a group of its own: Ctrl-C reaches this process alone, which then ends the server.
    detached: true,
  });
  for await (const line of createInterface({ input: server.stdout })) {
    const { url, msg } = JSON.parse(line) as { url?: string; msg?: string };
    if (url !== undefined) {
      // From here on its log is not shown, but it has to be read, or the server would wait.
      server.stdout.resume();
      return { server, url };
    }
    say(line.includes('"fatal"') ? `The server says: ${msg}` : line);
  }
  throw new Error('The server ended before it listened.');
}

async function run(url: string): Promise<void> {
  const body = {
    user_prompt: 'Show me how a damped oscillator loses its energy.',
    session_id: SESSION,
  };
  say(`$ curl -N ${url}/run -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`);
  const answer = await fetch(`${url}/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
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

const home = await mkdtemp(join(tmpdir(), 'fermilink-demo-'));
try {
  await writeSamplePackage(home);
  const { server, url } = await startServer(home);
  const ended = once(server, 'exit');
  let stopping = false;
  const stop = () => {
    if (!stopping) server.kill('SIGTERM');
    stopping = true;
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    say(`The runner listens on ${url}. It has sent its first run to the demo agent:\n`);
    await run(url);
    await show(join(home, 'workspaces', SESSION, 'repo'));
    if (!process.argv.includes('--once')) {
      say('\nTry next:');
      say(`  curl ${url}/health/ready`);
      say(`  curl ${url}/ops/concurrency`);
      say(`  curl '${url}/ops/admission?user_id=ada'`);
      say(`  curl ${url}/metrics`);
      say('\nServing until Ctrl-C; then everything above is removed again.');
      await ended;
    }
  } finally {
    stop();
    await ended;
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  await rm(home, { recursive: true, force: true });
}

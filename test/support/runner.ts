import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { watch } from './conformity/recorder.js';
import { processesWith } from './processes.js';

export const PROJECT = resolve(__dirname, '..', '..');
const SHELL_AGENT = join(PROJECT, 'test', 'support', 'shell-agent.sh');

/** Servers that a test has not stopped: it failed, and they must not keep the test program waiting. */
const started = new Set<Runner>();
afterAll(() => {
  for (const { process: server, home } of started) {
    if (server.exitCode !== null || server.signalCode !== null) continue;
    server.kill('SIGKILL');
    // Its agents have its folders in their environment.
    for (const pid of processesWith(home)) process.kill(pid, 'SIGKILL');
    rmSync(home, { recursive: true, force: true });
  }
});

/** The built server as a process of its own, with folders of its own. */
export class Runner {
  readonly logLines: Record<string, unknown>[] = [];
  stderr = '';
  url = '';

  /** Settles when the server has ended and all that it said has been read. */
  readonly closed: Promise<unknown>;

  private constructor(
    readonly home: string,
    readonly process: ChildProcess,
    private readonly env: Record<string, string>,
  ) {
    this.closed = once(process, 'close');
  }

  /** Starts `node dist/main.js` on a free port with the shell agent in the place of codex. */
  static async start(
    env: Record<string, string> = {},
    home = temporaryFolder(),
    launcher: readonly string[] = [],
  ): Promise<Runner> {
    const runner = Runner.spawn(env, home, launcher);
    const ended = runner.closed.then(() => {
      throw new Error(`the server ended: ${JSON.stringify(runner.logLines)} ${runner.stderr}`);
    });
    ended.catch(() => undefined);
    const listening = runner.logged((line) => line.msg === 'listening');
    runner.url = String((await Promise.race([ended, listening])).url);
    return runner;
  }

  /**
   * Starts it without waiting for anything.
   * @param launcher a program and its arguments that becomes the server, such as `prlimit`
   */
  static spawn(
    env: Record<string, string>,
    home = temporaryFolder(),
    launcher: readonly string[] = [],
  ): Runner {
    const [program, ...args] = [...launcher, process.execPath, join(PROJECT, 'dist', 'main.js')];
    const child = spawn(program, args, {
      cwd: home,
      env: {
        PATH: process.env.PATH,
        HOME: home,
        FERMILINK_HOME: join(home, 'fermilink'),
        FERMILINK_RUNNER_PORT: '0',
        FERMILINK_CODEX_BIN: SHELL_AGENT,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const runner = new Runner(home, child, env);
    started.add(runner);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      runner.logLines.push(entry);
      if (entry.msg === 'listening') watch(String(entry.url));
      child.emit('logged');
    });
    child.stderr.on('data', (chunk: Buffer) => (runner.stderr += chunk.toString()));
    return runner;
  }

  get pid(): number {
    return this.process.pid!;
  }

  get workspaces(): string {
    return join(this.home, 'fermilink', 'workspaces');
  }

  get runtime(): string {
    return join(this.home, 'fermilink', 'runtime');
  }

  repo(sessionId: string): string {
    return join(this.workspaces, sessionId, 'repo');
  }

  /**
   * Waits until a line of the server's log passes a test, and gives the first one that does. The
   * log comes by a pipe of its own: a line may arrive after the answer that was sent after it.
   */
  async logged(test: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    for (;;) {
      const line = this.logLines.find(test);
      if (line) return line;
      await once(this.process, 'logged');
    }
  }

  async getJson(path: string): Promise<Record<string, unknown>> {
    const answer = await fetch(this.url + path);
    return (await answer.json()) as Record<string, unknown>;
  }

  /** Starts a server over the same folders, when this one has ended. */
  startNext(env: Record<string, string> = {}): Promise<Runner> {
    return Runner.start({ ...this.env, ...env }, this.home);
  }

  /** Ends the server by SIGTERM; gives its exit code. */
  async terminate(): Promise<number | null> {
    await this.endBy('SIGTERM');
    return this.process.exitCode;
  }

  /** Lets the server die without a last word, and waits until it is dead. */
  async kill(): Promise<void> {
    await this.endBy('SIGKILL');
    if (this.process.signalCode !== 'SIGKILL') throw new Error('the server had ended by itself');
  }

  /** Ends the server by SIGTERM and removes its folders; gives its exit code. */
  async stop(): Promise<number | null> {
    const code = await this.terminate();
    rmSync(this.home, { recursive: true, force: true });
    return code;
  }

  private async endBy(signal: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exited = once(this.process, 'exit');
    this.process.kill(signal);
    await exited;
  }
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'fermilink-test-'));
}

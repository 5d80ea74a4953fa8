import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { peakMemoryOf } from '../support/processes.js';

/** npm runs a script in the folder of its package. */
export const PROJECT = resolve('.');
export const AGENT = join(PROJECT, 'test', 'bench', 'agent.pl');

/** Limits that are in nobody's way. */
const UNLIMITED = {
  FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1000',
  FERMILINK_RUNNER_PER_USER_CONCURRENT_RUNS: '1000',
  FERMILINK_RUNNER_MAX_LINE_BYTES: String(32 * 1024 * 1024),
  FERMILINK_RUNNER_MAX_OUTPUT_BYTES: String(4 * 1024 ** 3),
};

/** A server that is measured, as a process of its own. */
export class ServerProcess {
  private constructor(
    private readonly process: ChildProcess,
    private readonly home: string,
    readonly url: string,
    /** Seconds from the start of the process to its first answer that it is ready. */
    readonly startSeconds: number,
  ) {}

  /** The product, as `npm run build` has made it. */
  static product(env: Record<string, string> = {}): Promise<ServerProcess> {
    return ServerProcess.start([join(PROJECT, 'dist', 'main.js')], env);
  }

  static floor(): Promise<ServerProcess> {
    return ServerProcess.start([join(import.meta.dirname, 'floor-server.js'), AGENT]);
  }

  static bareNest(): Promise<ServerProcess> {
    return ServerProcess.start([join(import.meta.dirname, 'bare-nest.js')]);
  }

  private static async start(
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<ServerProcess> {
    const home = mkdtempSync(join(tmpdir(), 'bench-'));
    const began = performance.now();
    const child = spawn(process.execPath, args, {
      cwd: home,
      env: {
        PATH: process.env.PATH,
        HOME: home,
        FERMILINK_HOME: join(home, 'fermilink'),
        FERMILINK_RUNNER_PORT: '0',
        FERMILINK_CODEX_BIN: AGENT,
        ...UNLIMITED,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const url = await new Promise<string>((found, failed) => {
      child.once('exit', (code) => failed(new Error(`${args[0]} ended with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const { url } = JSON.parse(line) as { url?: string };
        if (url !== undefined) found(url);
      });
    });
    while (!(await fetch(`${url}/health/ready`)).ok) await pause(2);
    return new ServerProcess(child, home, url, (performance.now() - began) / 1000);
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** Processor time that all its threads have had, in seconds, to the nanosecond (`schedstat`). */
  cpuSeconds(): number {
    const tasks = `/proc/${this.pid}/task`;
    const nanoseconds = readdirSync(tasks).map((task) =>
      Number(readFileSync(join(tasks, task, 'schedstat'), 'latin1').split(' ')[0]),
    );
    return nanoseconds.reduce((sum, it) => sum + it, 0) / 1e9;
  }

  /** Lets the kernel forget the peak so far; `peakMemory` is that from here on. */
  resetPeakMemory(): void {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
  }

  /** In bytes. */
  peakMemory(): number {
    return peakMemoryOf(this.pid);
  }

  async getJson<T>(path: string): Promise<T> {
    return (await (await fetch(this.url + path)).json()) as T;
  }

  async stop(): Promise<void> {
    this.process.kill('SIGTERM');
    if (this.process.exitCode === null && this.process.signalCode === null) {
      await once(this.process, 'exit');
    }
    rmSync(this.home, { recursive: true, force: true });
  }
}

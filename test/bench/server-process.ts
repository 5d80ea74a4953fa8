import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { peakMemoryOf, processesWith } from '../support/processes.js';
import { temporaryFolder, undoAtExit } from './undo.js';

/** npm runs a script in the folder of its package. */
export const PROJECT = resolve('.');
export const AGENT = join(PROJECT, 'test', 'bench', 'agent.pl');

/** How long a server may take to become ready, and to end. */
const LIMIT_SECONDS = 60;

/** Limits that are in nobody's way. */
const UNLIMITED = {
  FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: '1000',
  FERMILINK_RUNNER_PER_USER_CONCURRENT_RUNS: '1000',
  FERMILINK_RUNNER_MAX_LINE_BYTES: String(32 * 1024 * 1024),
  FERMILINK_RUNNER_MAX_OUTPUT_BYTES: String(4 * 1024 ** 3),
};

/** Secrets as a server has them, which are looked for in all that agents write. */
const SECRETS = Object.fromEntries(
  [20, 32, 40, 48, 51, 64, 93, 108, 164, 200].map((length, index) => [
    `OPENAI_${index}_API_KEY`,
    createHash('sha512').update(String(index)).digest('base64').repeat(3).slice(0, length),
  ]),
);

/** A server that is measured, as a process of its own. */
export class ServerProcess {
  private constructor(
    private readonly process: ChildProcess,
    private readonly clear: () => void,
    readonly url: string,
    /** Seconds from the start of the process to its first answer that it is ready. */
    readonly startSeconds: number,
    /** Its events have ids, from 1. */
    readonly givesIds: boolean,
  ) {}

  /** The product, as `npm run build` has made it. */
  static product(env: Record<string, string> = {}): Promise<ServerProcess> {
    return ServerProcess.start([join(PROJECT, 'dist', 'main.js')], true, env);
  }

  static floor(): Promise<ServerProcess> {
    return ServerProcess.start([join(import.meta.dirname, 'floor-server.js'), AGENT], false);
  }

  static bareNest(): Promise<ServerProcess> {
    return ServerProcess.start([join(import.meta.dirname, 'bare-nest.js')], false);
  }

  private static async start(
    args: readonly string[],
    givesIds: boolean,
    env: Record<string, string> = {},
  ): Promise<ServerProcess> {
    const { folder: home, remove } = temporaryFolder('bench-');
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
        ...SECRETS,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const clear = undoAtExit(() => {
      child.kill('SIGKILL');
      // Its agents have its folder in their environment.
      for (const pid of processesWith(home)) killIfThere(pid);
      remove();
    });
    const limit = AbortSignal.timeout(LIMIT_SECONDS * 1000);
    const tooLate = () => new Error(`${args[0]} is not ready after ${LIMIT_SECONDS} s`);
    const url = await new Promise<string>((found, failed) => {
      limit.addEventListener('abort', () => failed(tooLate()));
      child.once('error', failed);
      child.once('exit', (code, signal) =>
        failed(new Error(`${args[0]} ended with ${code ?? signal}`)),
      );
      createInterface({ input: child.stdout }).on('line', (line) => {
        const { url } = JSON.parse(line) as { url?: string };
        if (url !== undefined) found(url);
      });
    });
    while (!(await fetch(`${url}/health/ready`)).ok) {
      if (limit.aborted) throw tooLate();
      await pause(2);
    }
    const seconds = (performance.now() - began) / 1000;
    return new ServerProcess(child, clear, url, seconds, givesIds);
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
    const isRunning = () => this.process.exitCode === null && this.process.signalCode === null;
    this.process.kill('SIGTERM');
    if (isRunning()) {
      await Promise.race([
        once(this.process, 'exit'),
        pause(LIMIT_SECONDS * 1000, undefined, { ref: false }),
      ]);
    }
    if (isRunning()) throw new Error(`a server does not end within ${LIMIT_SECONDS} s`);
    this.clear();
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended in the meantime.
  }
}

/** Floor and product, side by side. */
export async function openPair() {
  const [floor, product] = [await ServerProcess.floor(), await ServerProcess.product()];
  return {
    floor,
    product,
    close: async () => void (await Promise.all([floor.stop(), product.stop()])),
  };
}

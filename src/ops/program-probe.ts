import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { removeTree } from '../common/remove-tree.js';
import { type AgentProcess, AgentSpawner } from '../run/agent-process.js';
import type { LineSink } from '../run/output-lines.js';
import { PROBE_PREFIX, RUN_COOKIE_VARIABLE } from '../run/proc.js';
import { RunnerConfig } from '../config/runner-config.js';

export interface ProbeOptions {
  args: readonly string[];
  /** Where it finds further programs. */
  path: string | undefined;
  /** Variables besides. */
  env?: Readonly<Record<string, string>>;
  seconds: number;
  /** Ends it early. */
  signal: AbortSignal;
}

/** What a program has said and how it ended. */
export interface ProbeResult {
  stdout: string;
  stderr: string;
  /** Its exit status, negative for a signal; null if it did not end by itself. */
  code: number | null;
  /** Why it did not: it took too long, it said too much, or it could not even be started. */
  fault: 'silence' | 'flood' | 'start' | null;
  /** Whether it has left a file with this name where it was started. */
  wrote: (name: string) => boolean;
}

/** What a program may say, on both pipes together. */
const MAX_OUTPUT_BYTES = 64 * 1024;
const MAX_LINE_BYTES = 4096;

/**
 * Asks a program something, such as its version. It may be anything: it gets an environment with nothing
 * in it, a home and working directory that go with it, little time and little to say; and whatever it has
 * started is ended.
 */
@Injectable()
export class ProgramProbe {
  constructor(
    private readonly config: RunnerConfig,
    private readonly spawner: AgentSpawner,
  ) {}

  /** @throws the signal's reason */
  async run(command: string, options: ProbeOptions): Promise<ProbeResult> {
    options.signal.throwIfAborted();
    const cookie = randomUUID().replaceAll('-', '');
    const folder = await this.makeFolder(`${PROBE_PREFIX}${cookie}`);
    try {
      const result = await this.runIn(folder, cookie, command, options);
      options.signal.throwIfAborted();
      return result;
    } finally {
      await removeTree(dirname(folder), basename(folder)).catch(() => undefined);
    }
  }

  /** By its name the next server finds what one that died has left of it. */
  private async makeFolder(name: string): Promise<string> {
    const folder = join(this.config.runtimeRoot, name);
    return mkdir(folder, { mode: 0o700 }).then(
      () => folder,
      // Whoever asks need not be who serves.
      () => mkdtemp(join(tmpdir(), PROBE_PREFIX)),
    );
  }

  private async runIn(
    folder: string,
    cookie: string,
    command: string,
    { args, path, env, seconds, signal }: ProbeOptions,
  ): Promise<ProbeResult> {
    const said = { stdout: '', stderr: '' };
    const sink = (pipe: 'stdout' | 'stderr'): LineSink => ({
      lines: (block) => (said[pipe] += `${block.toString('utf8')}\n`),
      cut: () => undefined,
    });
    let stop!: (fault: 'silence' | 'flood') => void;
    const stopped = new Promise<'silence' | 'flood'>((resolve) => (stop = resolve));
    let agent: AgentProcess;
    try {
      agent = await this.spawner.spawn(
        {
          command,
          args,
          env: {
            ...(path === undefined ? {} : { PATH: path }),
            ...{ HOME: folder, TMPDIR: folder, TERM: 'dumb', LANG: 'C.UTF-8', ...env },
            [RUN_COOKIE_VARIABLE]: cookie,
          },
          stdin: '',
          cwd: folder,
          cookie,
          politeSignal: 'SIGTERM',
          maxLineBytes: MAX_LINE_BYTES,
          maxOutputBytes: MAX_OUTPUT_BYTES,
        },
        {
          stdout: sink('stdout'),
          stderr: sink('stderr'),
          output: () => undefined,
          outputLimit: () => stop('flood'),
        },
      );
    } catch {
      return { ...said, code: null, fault: 'start', wrote: () => false };
    }
    const onAbort = () => stop('silence');
    signal.addEventListener('abort', onAbort, { once: true });
    const clock = setTimeout(onAbort, seconds * 1000);
    try {
      const first = await Promise.race([agent.exited, stopped]);
      await agent.end();
      await agent.drain();
      const ended = typeof first === 'number';
      const names = new Set(await readdir(folder).catch(() => []));
      return {
        ...said,
        code: ended ? first : null,
        fault: ended ? null : first,
        wrote: (name) => names.has(name),
      };
    } finally {
      clearTimeout(clock);
      signal.removeEventListener('abort', onAbort);
      this.spawner.dismiss(agent);
    }
  }
}

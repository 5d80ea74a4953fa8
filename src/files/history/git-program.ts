import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Injectable } from '@nestjs/common';
import { RunnerError } from '../../common/errors.js';
import { Limiter } from '../../common/limiter.js';
import { RunnerConfig } from '../../config/runner-config.js';

/** What git answers. */
export interface GitAnswer {
  output: Buffer;
  /** There was more of it, which is left out. */
  isTruncated: boolean;
}

/** What it is for: nobody waits for a commit, and a list of commits waits for no difference. */
export type GitQueue = 'commit' | 'difference' | 'list';

export interface GitOptions {
  /** What it reads. */
  input?: AsyncIterable<Buffer>;
  /** Bytes of its output that are kept. */
  maxBytes?: number;
  /** Ends it, or keeps it from being started. */
  signal?: AbortSignal;
}

/** How many of them work at a time: as many differences as there may be, since each has its time. */
const MOST_AT_ONCE: Readonly<Record<GitQueue, number>> = { commit: 2, difference: 4, list: 2 };
/** Seconds after which one is ended. */
const LIMIT_SECONDS = 60;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_COMPLAINT_BYTES = 2000;
/** The tree without any file, in place of the attributes that a tree may bring along. */
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

/** Whatever git would start, or obey, by the will of somebody else. */
const OFF = [
  ...['core.hooksPath=/dev/null', 'core.fsmonitor=false', 'core.attributesFile=/dev/null'],
  ...['core.protectHFS=false', 'core.protectNTFS=false', 'diff.submodule=short'],
  ...['gc.auto=0', 'maintenance.auto=false', 'protocol.allow=never', 'submodule.recurse=false'],
  ...[`attr.tree=${EMPTY_TREE}`, 'core.logAllRefUpdates=false', 'fastimport.unpackLimit=0'],
].flatMap((setting) => ['-c', setting]);

/**
 * Runs git over a git directory of the server's own, and over nothing else: it has no work tree, reads no
 * configuration but that of this class, and starts no program of anybody's.
 */
@Injectable()
export class GitProgram {
  private readonly queues: Readonly<Record<GitQueue, Limiter>> = {
    commit: new Limiter(MOST_AT_ONCE.commit),
    difference: new Limiter(MOST_AT_ONCE.difference),
    list: new Limiter(MOST_AT_ONCE.list),
  };

  constructor(private readonly config: RunnerConfig) {}

  /**
   * @param folder the git directory
   * @throws {RunnerError} `git_failed` where it fails, takes too long, or is not there
   * @throws what the input throws, and the signal's reason
   */
  run(
    queue: GitQueue,
    folder: string,
    args: readonly string[],
    options: GitOptions = {},
  ): Promise<GitAnswer> {
    return this.queues[queue].run(() => this.runNow(folder, args, options), options.signal);
  }

  private async runNow(
    folder: string,
    args: readonly string[],
    { input, maxBytes = MAX_OUTPUT_BYTES, signal }: GitOptions,
  ): Promise<GitAnswer> {
    signal?.throwIfAborted();
    const all = ['--no-pager', '--literal-pathspecs', '--no-replace-objects', ...OFF, ...args];
    const child = spawn('git', all, {
      cwd: folder,
      // What it starts itself, to pack for example, ends with it.
      detached: true,
      env: this.environmentFor(folder),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const exited = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    const end = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    };
    const clock = setTimeout(end, LIMIT_SECONDS * 1000);
    signal?.addEventListener('abort', end);
    const chunks: Buffer[] = [];
    let left = maxBytes;
    let isTruncated = false;
    let complaint = '';
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk.subarray(0, left));
      left -= chunk.length;
      if (left >= 0 || isTruncated) return;
      left = 0;
      isTruncated = true;
      end();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (complaint.length < MAX_COMPLAINT_BYTES) complaint += chunk.toString();
    });
    let fault: unknown;
    const fed = pipeline(Readable.from(input ?? [], { objectMode: false }), child.stdin).catch(
      (error: unknown) => {
        // That git reads no more is told by its status; that there is no more to read is not.
        if (isBrokenPipe(error)) return;
        fault = error;
        end();
      },
    );
    try {
      const code = await exited.catch((cause: unknown) => {
        throw gitFailed(cause);
      });
      await fed;
      signal?.throwIfAborted();
      if (fault !== undefined) throw fault as Error;
      if (code !== 0 && !isTruncated) {
        throw gitFailed(new Error(`git ${args[0]} ended with ${code}: ${complaint.trim()}`));
      }
      return { output: Buffer.concat(chunks), isTruncated };
    } finally {
      clearTimeout(clock);
      signal?.removeEventListener('abort', end);
      child.stdin.destroy();
    }
  }

  private environmentFor(folder: string): Record<string, string> {
    return {
      PATH: this.config.environment.PATH ?? '/usr/bin:/bin',
      HOME: '/nonexistent',
      LC_ALL: 'C',
      GIT_DIR: folder,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_OPTIONAL_LOCKS: '0',
      GIT_TERMINAL_PROMPT: '0',
      GIT_NO_LAZY_FETCH: '1',
    };
  }
}

/** @param cause for the log; nothing of it is shown */
export function gitFailed(cause: unknown): RunnerError {
  return new RunnerError(
    'git_failed',
    'What git keeps of this session could not be read or written; the log of the runner has the cause.',
    { cause },
  );
}

function isBrokenPipe(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  return ['EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'].includes(String(code));
}

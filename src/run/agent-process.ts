import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { RunnerError, toRunnerError } from '../common/errors.js';
import { OutputLines, type LineSink } from './output-lines.js';
import { ProcessTable } from './process-table.js';
import { ProcessTree } from './process-tree.js';

/** What is needed to start an agent. */
export interface AgentCommand {
  command: string;
  args: readonly string[];
  env: Record<string, string>;
  /** Written to its stdin, which is then closed. */
  stdin: string;
  /** Working directory; may be a `/proc/self/fd/N` of this process. */
  cwd: string;
  /** The run cookie that stands in `env`. */
  cookie: string;
  maxLineBytes: number;
}

/** How ending a tree went. */
export interface TreeEnd {
  /** Something had to be killed. */
  killed: boolean;
  /** Processes that were still there in the end. */
  survivors: number;
}

/** Seconds between TERM and KILL, and between KILL and giving up. */
const GRACE_SECONDS = 5;
/** Seconds that the pipes may stay open after the agent's exit before they are closed. */
const DRAIN_SECONDS = 2;
/** How often the trees of silent agents are looked at, so that descent is seen while it is there. */
const LOOK_INTERVAL_MS = 5000;

/** Starts agents. The one place that spawns them. */
@Injectable()
export class AgentSpawner {
  constructor(private readonly table: ProcessTable) {}

  /**
   * Starts an agent in a process group and session of its own.
   * @throws {RunnerError} `spawn_failed`, or `too_many_files` where descriptors have run out
   */
  async spawn(
    command: AgentCommand,
    sinks: { stdout: LineSink; stderr: LineSink },
  ): Promise<AgentProcess> {
    const child = await start(command);
    return new AgentProcess(
      child,
      new ProcessTree(this.table, child.pid!, command.cookie),
      command,
      sinks,
    );
  }
}

/** A running agent: its pipes, its exit, and the end of everything that it has started. */
export class AgentProcess {
  /** The exit status of the agent itself, negative for a signal, as Python has it. */
  readonly exited: Promise<number>;

  private readonly drained: Promise<void>;
  private readonly watch: NodeJS.Timeout;

  constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    private readonly tree: ProcessTree,
    command: AgentCommand,
    sinks: { stdout: LineSink; stderr: LineSink },
  ) {
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        resolve(signal === null ? (code ?? 0) : -constants.signals[signal]);
      });
    });
    this.drained = Promise.all([
      readLines(child.stdout, new OutputLines(command.maxLineBytes, sinks.stdout)),
      readLines(child.stderr, new OutputLines(command.maxLineBytes, sinks.stderr)),
    ]).then(() => undefined);
    // An agent that ends or closes its stdin before it has read all is no error of ours.
    child.stdin.on('error', () => undefined);
    child.stdin.end(command.stdin);
    this.watch = setInterval(() => void this.tree.look(), LOOK_INTERVAL_MS);
  }

  /**
   * Ends the agent and its tree: TERM, the grace, KILL.
   * @returns when nothing of it is left, or nothing more can be done
   */
  async end(): Promise<TreeEnd> {
    if ((await this.tree.end('SIGTERM', GRACE_SECONDS)) === 0) {
      return { killed: false, survivors: 0 };
    }
    return { killed: true, survivors: await this.tree.end('SIGKILL', GRACE_SECONDS) };
  }

  /**
   * Waits, after the exit, until the pipes are read to their end, or for two seconds if something
   * else holds them open; then closes them.
   */
  async drain(): Promise<void> {
    const patience = new AbortController();
    await Promise.race([
      this.drained,
      sleep(DRAIN_SECONDS * 1000, undefined, { signal: patience.signal }).catch(() => undefined),
    ]);
    patience.abort();
    this.child.stdout.destroy();
    this.child.stderr.destroy();
    await this.drained;
  }

  /** Kills what is known of the tree at once, without waiting. */
  killNow(): void {
    this.tree.killKnown();
  }

  /** Frees what belongs to this object. Call it once, when the run is over. */
  dispose(): void {
    clearInterval(this.watch);
  }
}

async function start(command: AgentCommand): Promise<ChildProcessWithoutNullStreams> {
  let child: ChildProcessWithoutNullStreams;
  try {
    child = spawn(command.command, command.args, {
      cwd: command.cwd,
      env: command.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
  } catch (cause) {
    throw spawnError(cause);
  }
  if (child.pid === undefined) {
    // Node reports why in an event.
    throw spawnError(await new Promise((resolve) => child.once('error', resolve)));
  }
  child.on('error', () => undefined);
  return child;
}

function spawnError(cause: unknown): RunnerError {
  return toRunnerError(
    cause,
    'spawn_failed',
    'The agent could not be started; the log of the runner has the cause.',
  );
}

/** Reads a pipe to its end or until it is destroyed. */
function readLines(pipe: NodeJS.ReadableStream, lines: OutputLines): Promise<void> {
  return new Promise((resolve) => {
    pipe.on('data', (chunk: Buffer) => lines.push(chunk));
    pipe.on('error', () => undefined);
    pipe.once('close', () => {
      lines.end();
      resolve();
    });
  });
}

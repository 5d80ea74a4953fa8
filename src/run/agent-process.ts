import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { settledWithin } from '../common/abort.js';
import { monotonicSeconds } from '../common/clock.js';
import { errnoOf, RunnerError, toRunnerError } from '../common/errors.js';
import type { StopSignal } from '../config/provider-definition.js';
import { OutputMeter, OutputPipe } from './agent-output.js';
import { OutputLines, type LineSink } from './output-lines.js';
import { readProcess } from './proc.js';
import type { ProcessSnapshot } from './process-snapshot.js';
import { ProcessTable } from './process-table.js';
import { ProcessTree, type TreeEnd, type TreeLeader } from './process-tree.js';

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
  /** By which its CLI is asked to end. */
  politeSignal: StopSignal;
  maxLineBytes: number;
  /** Bytes of both pipes after which nothing more is passed on. */
  maxOutputBytes: number;
}

/** Who is told what an agent writes. */
export interface AgentSinks {
  stdout: LineSink;
  stderr: LineSink;
  /** Told of every chunk before its lines are passed on. */
  output: () => void;
  /** Told once when `maxOutputBytes` have been passed on. */
  outputLimit: () => void;
}

/** Seconds that the pipes may stay open after the agent's exit before they are closed. */
const DRAIN_SECONDS = 2;
/** How long the server is not ready after that: with no new runs nothing would show that it is over. */
const EXHAUSTION_SECONDS = 30;
/** After so many seconds it is not the agent's own end any more that is waited for. */
const PROMPT_SECONDS = 0.05;
/** How often the trees of all agents are looked at, whether or not they say anything. */
const LOOK_INTERVAL_MS = 5000;

/** Starts agents. The one place that spawns them. */
@Injectable()
export class AgentSpawner {
  private readonly agents = new Set<AgentProcess>();
  private watch: NodeJS.Timeout | null = null;
  private exhaustion: { detail: string; at: number } | null = null;

  constructor(private readonly table: ProcessTable) {}

  /** That the system had nothing left for an agent a moment ago, as a sentence; null if it had. */
  get exhausted(): string | null {
    if (this.exhaustion === null) return null;
    const seconds = monotonicSeconds() - this.exhaustion.at;
    return seconds < EXHAUSTION_SECONDS ? this.exhaustion.detail : null;
  }

  /**
   * Starts an agent in a process group and session of its own. The process exists when this returns:
   * nothing else happens between the call and the spawn.
   * @throws {RunnerError} `spawn_failed`, or `too_many_files` where descriptors have run out
   */
  spawn(command: AgentCommand, sinks: AgentSinks): Promise<AgentProcess> {
    const started = start(command);
    return started.then(
      (child) => {
        this.exhaustion = null;
        const leader = { pid: child.pid!, startTime: startTimeOf(child.pid!) };
        const tree = new ProcessTree(this.table, leader, command.cookie);
        const agent = new AgentProcess(child, leader, tree, command, sinks);
        this.agents.add(agent);
        this.watch ??= setInterval(() => void this.look(), LOOK_INTERVAL_MS);
        return agent;
      },
      (cause: unknown) => {
        const error = spawnError(cause);
        if (isExhaustion(cause)) {
          this.exhaustion = { detail: error.detail, at: monotonicSeconds() };
        }
        throw error;
      },
    );
  }

  /** Watches an agent no more. Call it once, when its run is over. */
  dismiss(agent: AgentProcess): void {
    this.agents.delete(agent);
    if (this.agents.size > 0 || this.watch === null) return;
    clearInterval(this.watch);
    this.watch = null;
  }

  /** Kills every agent's tree as it is seen now, without waiting; for a server that has no time left. */
  killAll(): void {
    const snapshot = this.table.lookNow();
    for (const agent of this.agents) agent.killIn(snapshot);
  }

  /** One look for all agents, so that descent is seen while it is there. */
  private async look(): Promise<void> {
    // A look that fails is made up for by the next one.
    const snapshot = await this.table.look().catch(() => null);
    if (snapshot !== null) for (const agent of this.agents) agent.noteIn(snapshot);
  }
}

/** A running agent: its pipes, its exit, and the end of everything that it has started. */
export class AgentProcess {
  /** The exit status of the agent itself, negative for a signal, as Python has it. */
  readonly exited: Promise<number>;

  private readonly pipes: readonly OutputPipe[];

  constructor(
    child: ChildProcessWithoutNullStreams,
    readonly leader: TreeLeader,
    private readonly tree: ProcessTree,
    private readonly command: AgentCommand,
    sinks: AgentSinks,
  ) {
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        resolve(signal === null ? (code ?? 0) : -constants.signals[signal]);
      });
    });
    const meter = new OutputMeter(command.maxOutputBytes, sinks);
    this.pipes = [
      new OutputPipe(child.stdout, new OutputLines(command.maxLineBytes, sinks.stdout), meter),
      new OutputPipe(child.stderr, new OutputLines(command.maxLineBytes, sinks.stderr), meter),
    ];
    // An agent that ends or closes its stdin before it has read all is no error of ours.
    child.stdin.on('error', () => undefined);
    child.stdin.end(command.stdin);
  }

  /**
   * Ends the agent and its tree: the polite signal, the grace, KILL. Never rejects.
   * @returns when nothing of it is left, or nothing more can be done
   */
  end(): Promise<TreeEnd> {
    return this.tree.end(this.command.politeSignal);
  }

  /** Resolves when nothing of the tree is left; what survives is killed again and again. */
  async gone(): Promise<void> {
    while ((await this.tree.kill(1)) > 0) await sleep(LOOK_INTERVAL_MS);
  }

  /**
   * Waits, after the exit, until the pipes are read to their end; if something else holds them open, for
   * two seconds and until all that the agent itself has written is read. Then closes them.
   */
  async drain(): Promise<void> {
    const ended = Promise.all(this.pipes.map((pipe) => pipe.ended));
    if (!(await settledWithin(PROMPT_SECONDS, ended))) {
      // Who holds them is of the tree, and may yet leave it.
      void this.tree.look().catch(() => undefined);
      await settledWithin(DRAIN_SECONDS, ended);
    }
    await Promise.all(this.pipes.map((pipe) => pipe.close()));
  }

  /** Notes what a snapshot shows of the tree. */
  noteIn(snapshot: ProcessSnapshot): void {
    this.tree.membersIn(snapshot);
  }

  /** Kills what a snapshot shows of the tree, without waiting. */
  killIn(snapshot: ProcessSnapshot): void {
    this.tree.killIn(snapshot);
  }
}

async function start(command: AgentCommand): Promise<ChildProcessWithoutNullStreams> {
  const child = spawn(command.command, command.args, {
    cwd: command.cwd,
    env: command.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  if (child.pid === undefined) {
    // Node reports why in an event.
    throw await new Promise((resolve) => child.once('error', resolve));
  }
  child.on('error', () => undefined);
  return child;
}

function startTimeOf(pid: number): number | null {
  try {
    return readProcess(pid)?.startTime ?? null;
  } catch {
    return null;
  }
}

/** Whether the system had no process or no descriptor left. */
function isExhaustion(cause: unknown): boolean {
  return ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM'].includes(errnoOf(cause) ?? '');
}

function spawnError(cause: unknown): RunnerError {
  if (errnoOf(cause) === 'EAGAIN') {
    return new RunnerError(
      'spawn_failed',
      'The system lets the runner start no more processes; try again later.',
      { cause },
    );
  }
  return toRunnerError(
    cause,
    'spawn_failed',
    'The agent could not be started; the log of the runner has the cause.',
  );
}

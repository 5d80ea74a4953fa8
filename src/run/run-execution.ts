import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { ADMISSION, type Admission } from '../admission/admission.js';
import { monotonicSeconds } from '../common/clock.js';
import type { Deferred } from '../common/deferred.js';
import { RunnerError, toRunnerError } from '../common/errors.js';
import type { Logger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import { type AgentProcess, AgentSpawner, type TreeEnd } from './agent-process.js';
import { safeAgentLine, safeJson } from './event-frame.js';
import { RunMetrics } from './run-metrics.js';
import { type PreparedRun, RunPreparation } from './run-preparation.js';
import type { EndCause, Run } from './run.js';

/** How a run ended, as `runner.exit` says it (contract, section 8). */
interface RunEnd extends EndCause, TreeEnd {
  returnCode: number | null;
}

/** What the life of one run is given besides the run. */
export interface ExecutionContext {
  /** It got its slot; false if it was withdrawn while it waited. */
  admitted: boolean;
  /** Settled when the agent has been started, or, after its slot has come free, the run has failed. */
  prepared: Deferred<void>;
  log: Logger;
}

const UNTOUCHED: TreeEnd = { killed: false, survivors: 0 };

/** Leads an admitted run from its preparation to its end, which it reaches exactly once. */
@Injectable()
export class RunExecution {
  private readonly agents = new Set<AgentProcess>();

  constructor(
    @Inject(ADMISSION) private readonly admission: Admission,
    private readonly config: RunnerConfig,
    private readonly preparation: RunPreparation,
    private readonly spawner: AgentSpawner,
    private readonly metrics: RunMetrics,
  ) {}

  /** Never rejects. When it is done the slot is free and followers have the end. */
  async execute(run: Run, { admitted, prepared, log }: ExecutionContext): Promise<void> {
    let failure: unknown = null;
    let end: RunEnd;
    try {
      if (!admitted) run.stopSignal.throwIfAborted();
      end = await this.prepareAndSupervise(run, prepared, log);
    } catch (error) {
      failure = error;
      end = endWithoutAgent(run, error);
    }
    await this.preparation.cleanUp(run).catch((err: unknown) => {
      log.error({ err }, 'temporary folders of the run could not be removed');
    });
    run.log.seal('runner.exit', exitData(run, end));
    run.state = end.reason;
    await this.admission.release(run.id);
    run.log.publishEnd();
    this.metrics.runs.inc({ provider: run.provider, reason: end.reason });
    if (failure !== null) prepared.reject(asError(failure, end));
    const { reason, code, returnCode, killed, survivors } = end;
    const cause = failure instanceof RunnerError ? failure.facts.cause : undefined;
    log.info({ reason, code, returnCode, killed, survivors, err: cause }, 'run ended');
  }

  /** Kills what is known of every agent's tree, without waiting. */
  killAll(): void {
    for (const agent of this.agents) agent.killNow();
  }

  private async prepareAndSupervise(
    run: Run,
    prepared: Deferred<void>,
    log: Logger,
  ): Promise<RunEnd> {
    const began = monotonicSeconds();
    run.state = 'preparing';
    const ready = await this.preparation.prepare(run);
    const agent = await this.startAgent(run, ready);
    const started = monotonicSeconds();
    this.metrics.preparation.observe(started - began);
    run.state = 'running';
    log.info({ provider: run.provider, seconds: started - began }, 'agent started');
    prepared.resolve();
    this.agents.add(agent);
    try {
      return await this.supervise(run, agent);
    } finally {
      this.agents.delete(agent);
      agent.dispose();
      this.metrics.runTime.observe({ provider: run.provider }, monotonicSeconds() - started);
    }
  }

  private async startAgent(run: Run, { policy, launch, repo, overlay }: PreparedRun) {
    try {
      // Cancel and clock are looked at once more in the tick of the spawn.
      run.stopSignal.throwIfAborted();
      const agent = await this.spawner.spawn(
        {
          ...launch,
          cwd: repo.self,
          cookie: run.cookie,
          maxLineBytes: this.config.maxLineBytes,
        },
        this.sinks(run),
      );
      const meta = {
        session_id: run.sessionId,
        run_id: run.id,
        ...(overlay === null ? {} : { package: overlay }),
        agent: {
          provider: policy.provider,
          sandbox_policy: policy.sandboxPolicy,
          sandbox_mode: policy.sandboxMode,
          model: policy.model,
          reasoning_effort: policy.reasoningEffort,
        },
      };
      run.log.append('meta', safeJson(meta));
      return agent;
    } finally {
      await repo.close();
    }
  }

  /** Turns the lines of the agent's pipes into events of the log. */
  private sinks(run: Run) {
    const began = monotonicSeconds();
    let silent = true;
    const note = (text: string) => run.log.append('log', safeJson({ text }));
    const cutNote = (pipe: string) => (leftOutBytes: number) => {
      note(
        `[runner] A line on ${pipe} was cut at ${this.config.maxLineBytes} bytes; ${leftOutBytes} bytes were left out.`,
      );
    };
    return {
      stdout: {
        line: (text: string) => {
          if (silent) {
            silent = false;
            const seconds = monotonicSeconds() - began;
            this.metrics.firstAgentEvent.observe({ provider: run.provider }, seconds);
          }
          run.log.append('agent', safeAgentLine(text));
        },
        cut: cutNote('stdout'),
      },
      stderr: { line: note, cut: cutNote('stderr') },
    };
  }

  private async supervise(run: Run, agent: AgentProcess): Promise<RunEnd> {
    const limit = this.config.maxRuntimeSeconds;
    const clock = setTimeout(() => {
      run.stop({
        reason: 'timeout',
        code: null,
        detail: `The run took longer than its limit of ${limit} seconds.`,
      });
    }, limit * 1000);
    run.log.onBroken = (cause) => run.stop(brokenLog(cause));
    const exited = agent.exited.then((code) => {
      run.noteExit();
      return code;
    });
    await Promise.race([exited, aborted(run.stopSignal)]);
    clearTimeout(clock);
    let tree = run.cause === null ? UNTOUCHED : await agent.end();
    // Where even KILL had no effect there is no exit to wait for.
    const returnCode =
      tree.survivors === 0 ? await exited : await Promise.race([exited, sleep(1000, null)]);
    await agent.drain();
    if (run.cause === null && this.config.background === 'end') tree = await agent.end();
    const cause = run.cause ?? { reason: 'completed' as const, code: null, detail: null };
    return { ...cause, ...tree, returnCode };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function brokenLog(cause: unknown): EndCause {
  const { code, detail } = toRunnerError(
    cause,
    'internal_error',
    'The events of the run could not be written; the log of the runner has the cause.',
  );
  return { reason: 'failed', code, detail };
}

/** The end of a run whose agent never ran. */
function endWithoutAgent(run: Run, error: unknown): RunEnd {
  const known = run.cause;
  if (known !== null) return { ...known, ...UNTOUCHED, returnCode: null };
  const { code, detail } = toRunnerError(error);
  return { reason: 'failed', code, detail, ...UNTOUCHED, returnCode: null };
}

/** What a client hears that waits for the start: the error, or why the run was stopped before it. */
function asError(failure: unknown, end: RunEnd): RunnerError {
  if (end.reason !== 'cancelled') return toRunnerError(failure);
  return new RunnerError('draining', end.detail ?? 'The run was cancelled.', {
    retryAfterSeconds: 5,
  });
}

function exitData(run: Run, end: RunEnd): string {
  return safeJson({
    run_id: run.id,
    session_id: run.sessionId,
    reason: end.reason,
    return_code: end.returnCode,
    code: end.code,
    detail: end.detail,
    killed: end.killed,
    survivors: end.survivors,
  });
}

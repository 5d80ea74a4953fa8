import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { monotonicSeconds, nowUtc } from '../common/clock.js';
import { RunnerError, toRunnerError } from '../common/errors.js';
import { fairTurn } from '../common/fair-turn.js';
import type { Logger } from '../common/logger.js';
import { type Looking, RunChanges } from '../files/changes/run-changes.service.js';
import { RunnerConfig } from '../config/runner-config.js';
import { type AgentProcess, AgentSpawner } from './agent-process.js';
import { hostIdentity } from './proc.js';
import { OutputRecorder } from './output-recorder.js';
import { Redaction } from './redaction.js';
import { endWithoutAgent, metaData } from './run-events.js';
import type { Ending } from './run-ending.js';
import { RunMetrics } from './run-metrics.js';
import { type PreparedRun, RunPreparation } from './run-preparation.js';
import type { AgentFacts, EndCause } from './run-record.js';
import { RUN_STORE, type RunStore } from './run-store.js';
import type { Run } from './run.js';

/** What takes longer to end than this may have gone on working meanwhile. */
const STILL_AT_WORK_SECONDS = 0.05;

interface Started {
  agent: AgentProcess;
  isResumed: boolean;
  recorder: OutputRecorder;
  /** When it was, by the clock of files; null where that is not known. */
  moment: number | null;
}

/** Leads an admitted run from its preparation to the exit of its agent. */
@Injectable()
export class RunExecution {
  constructor(
    @Inject(RUN_STORE) private readonly store: RunStore,
    private readonly config: RunnerConfig,
    private readonly preparation: RunPreparation,
    private readonly spawner: AgentSpawner,
    private readonly metrics: RunMetrics,
    private readonly redaction: Redaction,
    private readonly changes: RunChanges,
  ) {}

  /** Never rejects. When it is done nothing of the agent is left that could be ended. */
  async execute(run: Run, log: Logger): Promise<Ending> {
    const began = monotonicSeconds();
    let started: Started;
    try {
      run.stopSignal.throwIfAborted();
      run.state = 'preparing';
      await this.store.transition(run.id, ['queued'], { state: 'preparing' });
      started = await this.startAgent(run, await this.preparation.prepare(run), log);
    } catch (error) {
      return endedBefore(run, error);
    }
    const { agent, recorder, isResumed } = started;
    const startedAt = monotonicSeconds();
    const preparationSeconds = startedAt - began;
    this.metrics.preparation.observe(preparationSeconds);
    log.info(
      { provider: run.provider, preparationSeconds: Number(preparationSeconds.toFixed(3)) },
      'agent started',
    );
    if (run.logFault === null) run.prepared.resolve();
    try {
      return await this.supervise(run, started);
    } finally {
      // An agent that could not be ended has had its last word too.
      recorder.stop();
      this.preparation.rememberTalk(run, recorder.talk, isResumed);
      this.spawner.dismiss(agent);
      this.metrics.runTime.observe({ provider: run.provider }, monotonicSeconds() - startedAt);
    }
  }

  private async startAgent(
    run: Run,
    { policy, launch, repo, overlay }: PreparedRun,
    log: Logger,
  ): Promise<Started> {
    try {
      const facts: AgentFacts = {
        provider: policy.provider,
        sandbox_policy: policy.sandboxPolicy,
        sandbox_mode: policy.sandboxMode,
        model: policy.model === null ? null : this.redaction.text(policy.model),
        reasoning_effort: policy.reasoningEffort,
        ...(run.record.order.continueConversation ? { resumed: launch.talk !== null } : {}),
      };
      // An agent whose words have nowhere to go is not started.
      try {
        run.log.prepare();
      } catch (cause) {
        throw brokenLog(cause);
      }
      // Stored before the agent exists: whatever happens to this server, the next one knows that
      // there may be one, and by which cookie to find it.
      await this.store.transition(run.id, ['preparing'], {
        state: 'running',
        startedAt: nowUtc(),
        agent: facts,
        package: overlay,
      });
      await fairTurn();
      // Cancel and disconnect are looked at once more in the tick of the spawn.
      run.stopSignal.throwIfAborted();
      const { maxLineBytes, maxOutputBytes } = this.config;
      const recorder = new OutputRecorder(
        run,
        launch,
        this.redaction.ofAgent(launch.secrets),
        this.config,
        this.metrics,
      );
      const moment = this.preparation.momentOf(run);
      const agent = await this.spawner
        .spawn(
          { ...launch, cwd: repo.self, cookie: run.record.cookie, maxLineBytes, maxOutputBytes },
          recorder.sinks,
        )
        .catch((error: unknown) => {
          recorder.stop();
          throw error;
        });
      void agent.exited.then(() => recorder.stop());
      run.state = 'running';
      run.log.onBroken = (err) => {
        log.error({ err }, 'the log of the run could not be written');
        const { code, detail } = (run.logFault = brokenLog(err));
        run.stop({ reason: 'failed', code, detail });
      };
      run.log.append('meta', metaData(run, overlay, facts));
      // At once: where it cannot be written, the client is still to hear it as a status.
      run.log.flush();
      await this.noteProcess(run, agent, log);
      return { agent, recorder, isResumed: launch.talk !== null, moment };
    } finally {
      await repo.close().catch((err: unknown) => log.error({ err }, 'repo/ could not be closed'));
    }
  }

  /** The cookie finds the agent too; its number also finds children that have lost the cookie. */
  private async noteProcess(run: Run, { leader }: AgentProcess, log: Logger): Promise<void> {
    if (leader.startTime === null) return;
    try {
      const { pid, startTime } = leader;
      await this.store.annotate(run.id, { process: { pid, startTime, host: hostIdentity() } });
    } catch (err) {
      log.warn({ err }, 'the number of the agent could not be stored');
    }
  }

  private lookFor({ sessionId }: Run, moment: number | null): Looking | null {
    return moment === null ? null : this.changes.since(sessionId, moment);
  }

  private async supervise(run: Run, { agent, recorder, moment }: Started): Promise<Ending> {
    const limit = Math.min(
      run.record.order.maxRuntimeSeconds ?? Infinity,
      this.config.maxRuntimeSeconds,
    );
    const clock = setTimeout(() => {
      run.stop({
        reason: 'timeout',
        code: run.isStalled ? 'stalled' : null,
        detail: `The run took longer than its limit of ${limit} seconds.`,
      });
    }, limit * 1000);
    const exited = agent.exited.then((code) => {
      run.noteExit();
      return code;
    });
    await Promise.race([exited, aborted(run.stopSignal)]);
    clearTimeout(clock);
    let tree = run.cause === null ? null : await agent.end();
    // Where even KILL had no effect there is no exit to wait for.
    const returnCode =
      tree === null || tree.survivors === 0
        ? await exited
        : await Promise.race([exited, sleep(1000, null)]);
    await agent.drain();
    // While it is seen to it that nothing of the agent is left, which mostly holds already.
    let looking = this.lookFor(run, moment);
    const looked = monotonicSeconds();
    if (run.cause === null && this.config.background === 'end') tree = await agent.end();
    if (monotonicSeconds() - looked > STILL_AT_WORK_SECONDS) {
      looking?.settle(false);
      looking = this.lookFor(run, moment);
    }
    looking?.settle(true);
    run.log.flush();
    const cause = run.cause ?? completed(run);
    const { killed, survivors } = tree ?? { killed: false, survivors: 0 };
    const result = recorder.result({ returnCode, isOwn: run.cause === null });
    return {
      end: { ...cause, killed, survivors, returnCode, files: null, result },
      files: looking?.files,
      // Nothing of it was shown to anybody.
      failure: run.log.lastEventId === 0 ? failureOf(run, run.logFault) : undefined,
      gone: survivors > 0 ? () => agent.gone() : undefined,
    };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function brokenLog(cause: unknown): RunnerError {
  return toRunnerError(
    cause,
    'internal_error',
    'The events of the run could not be written; the log of the runner has the cause.',
  );
}

/** The agent has ended by itself; where its last events could not be written, that is said too. */
function completed({ logFault }: Run): EndCause {
  return { reason: 'completed', code: logFault?.code ?? null, detail: logFault?.detail ?? null };
}

/** The end of a run whose agent was not started: it was stopped before, or its preparation failed. */
function endedBefore(run: Run, error: unknown): Ending {
  if (run.cause !== null) return { end: endWithoutAgent(run.cause), isUnstarted: true };
  const failure = toRunnerError(error);
  const { code, detail } = failure;
  return {
    end: endWithoutAgent({ reason: 'failed', code, detail }),
    isUnstarted: true,
    failure: failureOf(run, failure),
  };
}

/** What a client hears that has not seen anything of the run yet. */
function failureOf(run: Run, error: RunnerError | null): RunnerError | undefined {
  if (error === null) return undefined;
  return new RunnerError(error.code, error.detail, { ...error.facts, runId: run.id });
}

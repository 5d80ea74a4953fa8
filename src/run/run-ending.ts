import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { ADMISSION, type Admission } from '../admission/admission.js';
import { settledWithin } from '../common/abort.js';
import { nowUtc } from '../common/clock.js';
import { RunnerError } from '../common/errors.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import type { RunFiles } from '../files/changes/run-files.js';
import { History } from '../files/history/history.service.js';
import { SessionSizes } from '../quota/session-sizes.service.js';
import { EndNotice } from './end-notice.js';
import { LiveRuns } from './live-runs.js';
import { Redaction } from './redaction.js';
import { exitData } from './run-events.js';
import { RunMetrics } from './run-metrics.js';
import { RunPreparation } from './run-preparation.js';
import { hasEnded, type RunEnd, type StoredProblem } from './run-record.js';
import { RUN_STORE, type RunStore } from './run-store.js';
import type { Run } from './run.js';

/** How often an end that could not be written is tried again, in milliseconds. */
const RETRY_MS = 2000;

/** How long the slot waits for what the run has changed, once nothing of the agent is left. */
const FILES_SECONDS = 0.005;
/** Seconds after which nobody waits for it any more. */
const MOST_FILES_SECONDS = 10;

/** What came with an end. */
export interface Ending {
  end: RunEnd;
  /** What the run has changed, which may still be looked for. */
  files?: Promise<RunFiles | null>;
  /** Why the preparation failed. */
  failure?: RunnerError;
  /** No agent was started, though the record may say so. */
  isUnstarted?: boolean;
  /** The end is in the log already. */
  isLogged?: boolean;
  /** Where something of the tree is left: resolves when that has gone too. */
  gone?: () => Promise<void>;
}

/** Brings a run to its end, in one order every time (contract, section 8). */
@Injectable()
export class RunEnding {
  constructor(
    @Inject(ADMISSION) private readonly admission: Admission,
    @Inject(RUN_STORE) private readonly store: RunStore,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly live: LiveRuns,
    private readonly preparation: RunPreparation,
    private readonly metrics: RunMetrics,
    private readonly redaction: Redaction,
    private readonly config: RunnerConfig,
    private readonly history: History,
    private readonly notice: EndNotice,
    private readonly sizes: SessionSizes,
  ) {}

  /**
   * Call it once a run, when its agent has ended or will not be started. Never rejects: whatever goes
   * wrong on the way, the slot comes free and the followers get the end.
   */
  async finish(run: Run, ending: Ending): Promise<void> {
    const { end, failure } = this.redacted(ending);
    const log = this.logOf(run);
    const attempt = async (what: string, step: () => Promise<unknown>) => {
      try {
        await step();
      } catch (err) {
        log.error({ err }, `${what} failed at the end of the run`);
      }
    };
    await attempt('removing temporary folders', () => this.preparation.cleanUp(run));
    await attempt('finding out what has changed', async () => {
      if (ending.files !== undefined) end.files = this.shown(await this.filesOf(run, ending.files));
    });
    let lastEventId: number | null = null;
    await attempt('writing the end', async () => {
      lastEventId = ending.isLogged
        ? run.log.lastEventId
        : await run.log.seal('runner.exit', exitData(run.record, end));
    });
    run.state = end.reason;
    const written = {
      lastEventId: lastEventId ?? run.log.lastEventId,
      eventBytes: run.log.size,
      isEndLogged: lastEventId !== null,
      hasSurvivors: ending.gone !== undefined,
      owesWebhook: false,
    };
    const ended = {
      state: end.reason,
      endedAt: nowUtc(),
      end,
      problem: failure !== undefined && run.admittedAtOnce ? problemOf(failure) : null,
      ...(ending.isUnstarted ? { startedAt: null } : {}),
    };
    await attempt('noting the end for the webhook', async () => {
      written.owesWebhook = !(await this.notice.note(run.id, { ...ended, ...written }, log));
    });
    await attempt('storing the end', async () => {
      const isNew = await this.store.transition(run.id, ['queued', 'preparing', 'running'], {
        ...ended,
        ...written,
      });
      // The server before this one knew the end, but found no room for it in the log.
      if (!isNew) await this.store.annotate(run.id, written);
    });
    await attempt('releasing the slot', () => this.release(run, ending));
    await attempt('noting the use of the session', async () => this.sizes.changed(run.sessionId));
    this.live.delete(run);
    await attempt('showing the end', async () => run.log.publishEnd());
    // An end that the server before this one knew was counted by that one.
    if (!hasEnded(run.record.state)) {
      await attempt('counting the end', async () => this.metrics.runEnded(run.provider, end));
    }
    if (end.reason === 'failed' && failure !== undefined) run.prepared.reject(failure);
    else run.prepared.resolve();
    run.ended.resolve();
    const { reason, code, returnCode, killed, survivors } = end;
    log[levelOf(run, ending)](
      {
        ...{ reason, code, returnCode, killed, survivors, err: failure?.facts.cause },
        ...{ outcome: end.result?.outcome, error: end.result?.error?.code },
      },
      'run ended',
    );
    if (lastEventId === null) void this.writeEndLater(run, log);
    if (written.owesWebhook) void this.notice.noteLater(run.id, log);
  }

  /** What an error says may come from anywhere. */
  private redacted({ end, failure }: Ending): Pick<Ending, 'end' | 'failure'> {
    const shown = (detail: string) => this.redaction.text(detail);
    return {
      end: { ...end, detail: end.detail === null ? null : shown(end.detail) },
      failure: failure && new RunnerError(failure.code, shown(failure.detail), failure.facts),
    };
  }

  /**
   * What the run has changed. Mostly that is known by now. Where a large tree is still looked at, the slot
   * does not wait for it: nothing of the agent is left, and only the session is not done with.
   */
  private async filesOf(run: Run, files: Promise<RunFiles | null>): Promise<RunFiles | null> {
    if (await settledWithin(FILES_SECONDS, files)) return files;
    await this.admission.releaseSlot(run.id);
    // A disk that does not answer must not keep the end of the run.
    return (await settledWithin(MOST_FILES_SECONDS, files)) ? files : null;
  }

  private shown(files: RunFiles | null): RunFiles | null {
    const texts = (paths: string[]) => paths.map((path) => this.redaction.text(path));
    if (files === null) return null;
    const { created, modified, deleted } = files;
    return {
      ...files,
      created: texts(created),
      modified: texts(modified),
      deleted: texts(deleted),
    };
  }

  private logOf({ id, sessionId, record }: Run): Logger {
    return this.logger.child({ run: id, session: sessionId, user: record.userId });
  }

  /**
   * The slot comes free; the session stays busy while something of the run still works in it, and until
   * what the run has left is a commit: of the next run nothing is to be in that.
   */
  private async release(run: Run, { gone, files }: Ending): Promise<void> {
    const isKept = this.config.files.commitRuns && files !== undefined;
    if (gone === undefined && !isKept) {
      await this.admission.release(run.id);
      return;
    }
    await this.admission.releaseSlot(run.id);
    const release = async () => {
      const released = this.releaseSession(run, gone).catch((err: unknown) => {
        this.logOf(run).error({ err }, 'the session could not be released');
      });
      // What is left of a run may stay for ever.
      if (gone === undefined) await released;
    };
    if (!isKept) {
      void release();
      return;
    }
    const prompt = this.redaction.text(run.record.order.prompt);
    const note = { runId: run.id, userId: run.record.userId, prompt };
    void this.history.commit(run.sessionId, note, release);
  }

  private async releaseSession(run: Run, gone: Ending['gone']): Promise<void> {
    await gone?.();
    await this.admission.release(run.id);
    if (gone !== undefined) await this.store.annotate(run.id, { hasSurvivors: false });
  }

  private async writeEndLater(run: Run, log: Logger): Promise<void> {
    for (;;) {
      await sleep(RETRY_MS, undefined, { ref: false });
      try {
        if (!(await run.log.writeEndAgain())) continue;
        const { lastEventId, size: eventBytes } = run.log;
        await this.store.annotate(run.id, { lastEventId, eventBytes, isEndLogged: true });
        run.log.abandon();
        log.info('the end of the run is written now');
        return;
      } catch (err) {
        log.error({ err }, 'the end of the run could not be written');
      }
    }
  }
}

/** An operator is to see what the server could not do; what clients and agents do is their own. */
function levelOf({ logFault }: Run, { end, failure }: Ending): 'error' | 'warn' | 'info' {
  const isOwnFault = end.reason === 'failed' && failure?.facts.requested !== true;
  if (isOwnFault || logFault !== null) return 'error';
  return end.reason === 'lost' || end.survivors > 0 ? 'warn' : 'info';
}

function problemOf({ code, detail, facts }: RunnerError): StoredProblem {
  return {
    code,
    detail,
    requested: facts.requested ?? false,
    retryAfterSeconds: facts.retryAfterSeconds ?? null,
  };
}

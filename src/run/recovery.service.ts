import { readdir } from 'node:fs/promises';
import { Inject, Injectable } from '@nestjs/common';
import { ADMISSION, type Admission } from '../admission/admission.js';
import { removeTree } from '../common/remove-tree.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import { ProviderService } from '../provider/provider.service.js';
import { RunFolder } from '../provider/run-folder.js';
import { LiveRuns } from './live-runs.js';
import { type SaidInLog, saidInLog } from './logged-result.js';
import { hostIdentity, PROBE_PREFIX } from './proc.js';
import { ProcessTable } from './process-table.js';
import { ProcessTree } from './process-tree.js';
import { RunEnding } from './run-ending.js';
import { endIn, endWithoutAgent } from './run-events.js';
import { RunLife } from './run-life.js';
import { RunPreparation } from './run-preparation.js';
import { type RecoveredLog, RUN_LOGS, type RunLogs } from './run-log.js';
import type { RunEnd, RunRecord } from './run-record.js';
import { RUN_STORE, type RunStore } from './run-store.js';
import { Run } from './run.js';

/** How long the start waits for processes of the server before this one to be gone, in seconds. */
const KILL_SECONDS = 1;
/** How long between two attempts at those that stay. */
const KILL_AGAIN_SECONDS = 5;
/**
 * How much is read of logs to know what agents have made of their runs, in bytes of all together: a second or
 * two. The start waits for it, since an end is written once and for all, and a log may have gigabytes: the
 * shortest ones are read, and the result of the others stays unknown.
 */
const MAX_READ_BYTES = 128 * 1024 * 1024;
/** Folders that a server makes under the runtime root and removes again. */
const TEMPORARY = new RegExp(`^(run-|git-|${PROBE_PREFIX})`);

/** A run of the server before this one. */
interface Leftover {
  run: Run;
  /** It has started nothing, and waits again. */
  resumes: boolean;
  /** Its end, where that is known. */
  end: RunEnd | null;
  /** The end is in the log; only the record lacks it. */
  isLogged: boolean;
}

/**
 * Takes up what a server that died has left (contract, section 10). Its work grows with the runs that
 * lived then, not with those that are kept.
 */
@Injectable()
export class RecoveryService {
  constructor(
    @Inject(ADMISSION) private readonly admission: Admission,
    @Inject(RUN_STORE) private readonly store: RunStore,
    @Inject(RUN_LOGS) private readonly logs: RunLogs,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: RunnerConfig,
    private readonly table: ProcessTable,
    private readonly live: LiveRuns,
    private readonly life: RunLife,
    private readonly ending: RunEnding,
    private readonly preparation: RunPreparation,
    private readonly providers: ProviderService,
  ) {}

  /**
   * Ends what had started, and lets wait what still waits. Call it once, before new runs are taken.
   * @param stopping aborted when this server is to stop: then it leaves to the next one what waits
   */
  async recover(stopping: AbortSignal): Promise<void> {
    const left = (await readdir(this.config.runtimeRoot)).filter((it) => TEMPORARY.test(it));
    const runs = (await this.store.takeOver()).map((record) => this.take(record));
    const readable = shortest(
      runs.filter(({ run, end }) => run.state === 'running' && end === null),
    );
    await Promise.all(
      runs.map((it) =>
        it.resumes
          ? this.attempt(it.run, 'temporary folders', () => this.preparation.cleanUp(it.run))
          : this.end(it, readable.has(it) ? stopping : null),
      ),
    );
    // In the order in which they came.
    for (const { run, resumes } of runs) {
      if (!resumes) continue;
      run.isLeftToTheNext = stopping.aborted;
      const placement = run.isLeftToTheNext
        ? { position: null, granted: Promise.resolve(false) }
        : await this.admission.enqueue(run.ticket, { isReturning: true });
      void this.life.lead(run, placement);
    }
    if (runs.length > 0) this.logger.info({ runs: runs.length }, 'took up runs of the last server');
    // Those of the runs above are gone, and a run that goes on may have made its own anew.
    const taken = new Set(
      runs.map(({ run }) => new RunFolder(this.config.runtimeRoot, run.id).name),
    );
    void this.removeTemporaryFolders(left.filter((name) => !taken.has(name)));
  }

  private take(record: RunRecord): Leftover {
    const { log, end } = this.logOf(record);
    const run = new Run(record, log, 0);
    run.accepted.resolve();
    this.live.add(run);
    const resumes = record.state === 'queued' && run.isDetached && end === null;
    const known = end === null ? null : endIn(end);
    return { run, resumes, end: known ?? record.end, isLogged: end !== null };
  }

  /** @param reading where its log is to be read, what stops that; else null */
  private async end({ run, end, isLogged }: Leftover, reading: AbortSignal | null): Promise<void> {
    const { record } = run;
    const hasStarted = record.state === 'running' || record.hasSurvivors;
    const tree = hasStarted ? this.treeOf(record) : null;
    const survivors = tree === null ? 0 : await tree.kill(KILL_SECONDS);
    if (survivors > 0) {
      await this.attempt(run, 'the session', () => this.admission.occupy(run.id, run.sessionId));
    }
    run.provider = record.agent?.provider ?? run.provider;
    const gone = async () => {
      while (tree !== null && (await tree.kill(KILL_AGAIN_SECONDS)) > 0);
    };
    const said = reading === null ? null : await this.saidBy(run, reading);
    if (said !== null)
      this.preparation.rememberTalk(run, said.talk, record.agent?.resumed ?? false);
    const result = said?.result ?? null;
    await this.ending.finish(run, {
      end: end ?? { ...lost(record, survivors), result },
      isLogged,
      gone: survivors > 0 ? gone : undefined,
    });
  }

  /** What its agent had said of its work when the server died; null if that cannot be read. */
  private async saidBy(run: Run, stopping: AbortSignal): Promise<SaidInLog | null> {
    const reading = this.providers.readingOf(run.provider);
    if (reading === null) return null;
    try {
      return await saidInLog(run.log, reading, stopping);
    } catch (err) {
      if (!stopping.aborted) {
        this.logger.warn({ err, run: run.id }, 'the result of a run of the last server is unknown');
      }
      return null;
    }
  }

  /** A log that cannot be read does not keep the others waiting: its end is tried again later. */
  private logOf({ id }: RunRecord): RecoveredLog {
    try {
      return this.logs.recover(id);
    } catch (err) {
      this.logger.error({ err, run: id }, 'the log of a run of the last server cannot be read');
      return { log: this.logs.create(id), end: null };
    }
  }

  private async attempt(run: Run, what: string, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (err) {
      this.logger.error({ err, run: run.id }, `${what} of a run of the last server`);
    }
  }

  private treeOf({ process, cookie }: RunRecord): ProcessTree {
    // The numbers of another boot or container are those of other processes here.
    const leader = process?.host === hostIdentity() ? process : null;
    return new ProcessTree(this.table, leader, cookie);
  }

  /** A program that the last server asked something may hang, and nothing else would end it. */
  private async endProbe(cookie: string): Promise<void> {
    await new ProcessTree(this.table, null, cookie).kill(KILL_SECONDS);
  }

  private async removeTemporaryFolders(names: readonly string[]): Promise<void> {
    for (const name of names) {
      try {
        if (name.startsWith(PROBE_PREFIX)) await this.endProbe(name.slice(PROBE_PREFIX.length));
        await removeTree(this.config.runtimeRoot, name);
      } catch (err) {
        this.logger.warn({ err, name }, 'a folder of the last server could not be removed');
      }
    }
  }
}

/** Those whose logs may be read, the shortest ones. */
function shortest(runs: readonly Leftover[]): ReadonlySet<Leftover> {
  let left = MAX_READ_BYTES;
  const bySize = [...runs].sort((a, b) => a.run.log.size - b.run.log.size);
  return new Set(bySize.filter(({ run }) => (left -= run.log.size) >= 0));
}

/** The end of a run that nobody saw. */
function lost({ state }: RunRecord, survivors: number): RunEnd {
  const detail =
    state === 'running'
      ? 'The runner ended unexpectedly while the agent was at work.'
      : 'The runner ended unexpectedly before the agent was started; submit the prompt again.';
  return { ...endWithoutAgent({ reason: 'lost', code: 'server_died', detail }), survivors };
}

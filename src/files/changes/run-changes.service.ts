import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Deferred } from '../../common/deferred.js';
import { LOGGER, type Logger } from '../../common/logger.js';
import { removeFile } from '../../common/small-files.js';
import { RunnerConfig } from '../../config/runner-config.js';
import type { SessionPath } from '../session-path.js';
import type { ScanAnswer, ScanQuestion } from './changes.worker.js';
import { noteInSnapshot } from './path-snapshot.js';
import type { RunFiles } from './run-files.js';

/** A thread that has no more than this, in MiB, is ended by its own; nothing else is. */
const MAX_THREAD_MIB = 256;

/** A look for what a run has changed. */
export interface Looking {
  /** Null where that cannot be known: the tree is too large, or takes too long. Never rejects. */
  files: Promise<RunFiles | null>;
  /** To be told once whether the next run is compared with what is found. */
  settle: (isKept: boolean) => void;
}

/**
 * Finds out what runs change of the files of their sessions. Nothing is scanned when a run starts: what was
 * there is known from the end of the run before, or from the template. What is there now is scanned when the
 * agent has ended, in a thread of its own.
 */
@Injectable()
export class RunChanges implements OnModuleDestroy {
  private thread: Worker | null = null;
  private readonly asked = new Map<number, Deferred<RunFiles | null>>();
  private lastId = 0;
  /** Sessions in which an agent is at work. */
  private readonly underWay = new Set<string>();

  constructor(
    private readonly config: RunnerConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * The moment of the start of an agent in a session, as files that change from now on will have it: their clock is not
   * that of the process. In microseconds of work.
   * @param folder of the server's own, which is touched
   * @returns null where that cannot be known
   */
  moment(sessionId: string, folder: string): number | null {
    try {
      // On newer kernels what was looked at gets a time finer than the clock's, which no file had before.
      const { mode } = statSync(folder);
      chmodSync(folder, mode);
      const moment = statSync(folder).ctimeMs;
      this.underWay.add(sessionId);
      return moment;
    } catch {
      return null;
    }
  }

  /**
   * Looks for what has changed in a session since a run was started.
   * @param since its `moment`
   */
  since(sessionId: string, since: number): Looking {
    this.leave(sessionId);
    const answer = new Deferred<RunFiles | null>();
    const id = (this.lastId += 1);
    try {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      this.asked.set(id, answer);
      const { workspacesRoot, templateRoot } = this.config;
      const snapshotFile = this.fileOf(sessionId);
      const order = { workspacesRoot, sessionId, since, snapshotFile, templateRoot };
      this.warmUp().postMessage({ id, order } satisfies ScanQuestion);
    } catch (err) {
      // The thread is as it was; only this one cannot be asked.
      this.asked.delete(id);
      this.logger.warn({ err, session: sessionId }, 'what a run has changed cannot be found out');
      answer.resolve(null);
    }
    const settle = (isKept: boolean) => {
      this.thread?.postMessage({ id, isKept } satisfies ScanQuestion);
    };
    return { files: answer.promise, settle };
  }

  /** Starts the thread, so that the first run that ends does not wait for that. */
  warmUp(): Worker {
    if (this.thread !== null) return this.thread;
    const thread = new Worker(new URL('./changes.worker.js', import.meta.url), {
      // It reads what agents have named.
      resourceLimits: { maxOldGenerationSizeMb: MAX_THREAD_MIB },
      env: {},
    });
    thread.on('message', ({ id, files }: ScanAnswer) => {
      this.asked.get(id)?.resolve(files);
      this.asked.delete(id);
    });
    thread.on('error', (err) => this.fail(err));
    thread.on('exit', (code) => {
      if (this.thread === thread) this.fail(new Error(`the thread of scans ended with ${code}`));
    });
    thread.unref();
    return (this.thread = thread);
  }

  /** No agent is at work in a session any more. */
  leave(sessionId: string): void {
    this.underWay.delete(sessionId);
  }

  /**
   * A file was put into a session, or removed from it, by somebody else than a run. While an agent is at work
   * that counts as its doing.
   */
  note(sessionId: string, path: SessionPath, isThere: boolean): void {
    if (this.underWay.has(sessionId)) return;
    try {
      noteInSnapshot(this.fileOf(sessionId), path.join('/'), isThere);
    } catch (err) {
      this.logger.warn({ err, session: sessionId }, 'a change of a session could not be noted');
    }
  }

  /** Forgets a session that is no more. */
  forget(sessionId: string): void {
    removeFile(this.fileOf(sessionId));
  }

  async onModuleDestroy(): Promise<void> {
    const { thread } = this;
    this.thread = null;
    await thread?.terminate();
  }

  /** The thread has ended, and with it all that it was asked. */
  private fail(err: unknown): void {
    this.logger.warn({ err }, 'what runs have changed cannot be found out for now');
    this.thread = null;
    for (const answer of this.asked.values()) answer.resolve(null);
    this.asked.clear();
  }

  private fileOf(sessionId: string): string {
    return join(this.folder, sessionId);
  }

  private get folder(): string {
    return join(this.config.runtimeRoot, 'snapshots');
  }
}

import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../common/errors.js';
import { BATCH_BYTES } from './file-log-reader.js';
import { FileRunLog } from './file-run-log.js';
import { FrameBuffer } from './frame-buffer.js';
import { type LastFrame, lastWholeFrame } from './log-frames.js';
import { LogIndex } from './log-index.js';
import { removeFile } from '../common/small-files.js';
import type { RecoveredLog, RunLog, RunLogs } from './run-log.js';

/**
 * Logs as files: `ID.log` holds the frames just as they go over the wire, `ID.idx` the places of some
 * of them. Runs that are written or read now are kept open, each once.
 */
export class FileRunLogs implements RunLogs {
  /** Logs that are written now. */
  private readonly live = new Map<string, RunLog>();
  /** How many log objects of a run are written or read now. */
  private readonly uses = new Map<string, number>();
  private readonly frames = new FrameBuffer(BATCH_BYTES);

  /**
   * @param folder a folder of the server's own; made if it is missing
   * @param bufferBytes how much of a run's output may wait in memory before it is written; no more than
   *   a reader's batch, which those who wait for news get as it is
   */
  constructor(
    private readonly folder: string,
    private readonly bufferBytes: number,
  ) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  create(runId: string): RunLog {
    const path = this.logFile(runId);
    let isMade = false;
    const open = () => {
      // A reader may come when the file has been closed behind the last one.
      const fd = openSync(path, isMade ? 'r+' : 'wx+', 0o600);
      isMade = true;
      return fd;
    };
    return this.writable(runId, { open, index: LogIndex.create(this.indexFile(runId)) });
  }

  recover(runId: string): RecoveredLog {
    const path = this.logFile(runId);
    const last = cutTornEnd(path);
    if (last === null) {
      this.remove(runId);
      return { log: this.create(runId), end: null };
    }
    const log = this.writable(runId, {
      open: () => openSync(path, 'r+'),
      index: LogIndex.open(this.indexFile(runId)),
      size: last.end,
      lastEventId: last.id,
    });
    return { log, end: last.event === 'runner.exit' ? last.data : null };
  }

  open(runId: string, lastEventId: number): RunLog | null {
    const live = this.live.get(runId);
    if (live !== undefined) return live;
    const path = this.logFile(runId);
    const size = wholeSize(path, lastEventId);
    if (size === null) return null;
    return new FileRunLog({
      open: () => openSync(path, 'r'),
      index: LogIndex.open(this.indexFile(runId)),
      size,
      lastEventId,
      ended: true,
      frames: this.frames,
      bufferBytes: this.bufferBytes,
      ...this.counting(runId),
    });
  }

  isInUse(runId: string): boolean {
    return this.uses.has(runId);
  }

  remove(runId: string): void {
    removeFile(this.logFile(runId));
    removeFile(this.indexFile(runId));
  }

  private writable(
    runId: string,
    state: { open: () => number; index: LogIndex; size?: number; lastEventId?: number },
  ): RunLog {
    const counting = this.counting(runId);
    const log = new FileRunLog({
      size: 0,
      lastEventId: 0,
      ...state,
      ended: false,
      frames: this.frames,
      bufferBytes: this.bufferBytes,
      onUse: counting.onUse,
      onUnused: () => {
        this.live.delete(runId);
        counting.onUnused();
      },
    });
    this.live.set(runId, log);
    return log;
  }

  private counting(runId: string): { onUse: () => void; onUnused: () => void } {
    const change = (by: number) => {
      const count = (this.uses.get(runId) ?? 0) + by;
      if (count === 0) this.uses.delete(runId);
      else this.uses.set(runId, count);
    };
    return { onUse: () => change(1), onUnused: () => change(-1) };
  }

  private logFile(runId: string): string {
    return join(this.folder, `${runId}.log`);
  }

  private indexFile(runId: string): string {
    return join(this.folder, `${runId}.idx`);
  }
}

/** The bytes of a log up to its last event; null if it has not all of them, or is not there. */
function wholeSize(path: string, lastEventId: number): number | null {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    const last = lastWholeFrame(fd, fstatSync(fd).size);
    return last?.id === lastEventId ? last.end : null;
  } finally {
    closeSync(fd);
  }
}

/** Cuts off what is no whole frame at the end of a log; null if nothing is left, or there is none. */
function cutTornEnd(path: string): LastFrame | null {
  let fd: number;
  try {
    fd = openSync(path, 'r+');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    const last = lastWholeFrame(fd, fstatSync(fd).size);
    ftruncateSync(fd, last?.end ?? 0);
    return last;
  } finally {
    closeSync(fd);
  }
}

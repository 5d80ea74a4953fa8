import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type MessageEvent } from '@nestjs/common';
import { Observable } from 'rxjs';
import { LOGGER, type Logger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import type { ActivityView } from './activity-view.js';
import type { Follower } from './follower.js';
import { FrameSink } from './frame-sink.js';
import type { RunLog, RunLogReader } from './run-log.js';
import { RunService } from './run.service.js';
import { hasEnded } from './run-record.js';
import type { Run } from './run.js';

/** What a client that reconnects by itself waits before it does, in milliseconds. */
const RETRY_MS = 3000;
/** How often a waiting client hears of its place, at most, in milliseconds. */
const POSITION_INTERVAL_MS = 1000;

/** What a connection follows. */
export interface Followed {
  runId: string;
  /** Null if the run has ended. */
  run: Run | null;
  log: RunLog;
  /** The number of the last event that the client has. */
  after: number;
  /** Null shows the events as they stand in the log. */
  view: ActivityView | null;
}

/** Who is concerned by what happens to a stream, for the log. */
function names({ runId, run }: Pick<Followed, 'runId' | 'run'>) {
  return { run: runId, session: run?.sessionId, user: run?.record.userId };
}

/** One stream that is being sent. */
interface Stream {
  run: Run | null;
  view: ActivityView | null;
  reader: RunLogReader;
  sink: FrameSink;
  gone: AbortSignal;
  /** Aborted when there is something else to do than to wait for what the log has; then made anew. */
  interrupt: AbortController;
  /** What is followed will not go on in this server. */
  isOver: boolean;
}

/** Sends the logs of runs to the connections that follow them. */
@Injectable()
export class RunStream {
  private readonly streams = new Set<Stream>();
  private shutdown: { drain_seconds: number } | null = null;

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: RunnerConfig,
    private readonly runs: RunService,
  ) {}

  /**
   * The stream of a run for `@Sse`. The Observable carries the opening and the end. What lies between
   * goes from the log to the response in batches of many events, since the framework's writer spends a
   * promise, a tick and a socket write on each one and cannot be paused: here a client that reads
   * slowly is waited for, and a batch is all that is held for it.
   */
  follow(followed: Followed, follower: Follower): Observable<MessageEvent> {
    return new Observable((subscriber) => {
      const gone = new AbortController();
      // Without an id of ours the framework would give it one of its own, and mislead a resume.
      subscriber.next({ id: String(followed.after), retry: RETRY_MS });
      this.send(followed, follower, gone.signal).then(
        () => subscriber.complete(),
        (error: unknown) => {
          if (gone.signal.aborted) return;
          // What the client has is good; it must not take what it got for the whole.
          this.logger.error({ err: error, ...names(followed) }, 'a stream broke off');
          follower.cut();
        },
      );
      return () => gone.abort();
    });
  }

  /** Tells every follower that the server stops, and within how many seconds live runs have to end. */
  announceShutdown(drainSeconds: number): void {
    this.shutdown = { drain_seconds: drainSeconds };
    for (const { interrupt } of this.streams) interrupt.abort();
  }

  /** Ends the streams of runs that are left to the next server. */
  closeUnfinished(): void {
    for (const stream of this.streams) {
      if (stream.run === null || hasEnded(stream.run.state)) continue;
      stream.isOver = true;
      stream.interrupt.abort();
    }
  }

  private async send(
    { runId, run, log, after, view }: Followed,
    follower: Follower,
    gone: AbortSignal,
  ): Promise<void> {
    const stream: Stream = {
      run,
      view,
      reader: log.reader(after),
      sink: new FrameSink(follower.response, this.config.followerTimeoutSeconds, () => {
        this.logger.warn(
          names({ runId, run }),
          'a follower accepts nothing; its connection is cut',
        );
        follower.cut();
      }),
      gone,
      interrupt: new AbortController(),
      isOver: false,
    };
    const stop = () => stream.interrupt.abort();
    gone.addEventListener('abort', stop);
    this.streams.add(stream);
    if (this.shutdown !== null) stop();
    try {
      // The framework has sent the headers by now, and its opening goes out in this turn.
      await nextTurn();
      if (run !== null) await this.sendQueuePosition(run, stream);
      gone.throwIfAborted();
      await this.sendLog(stream);
    } finally {
      gone.removeEventListener('abort', stop);
      this.streams.delete(stream);
      stream.reader.close();
      stream.sink.close();
    }
  }

  private async sendLog(stream: Stream): Promise<void> {
    const { reader, sink, gone, view } = stream;
    for (;;) {
      // Nothing comes in between the parts of an event.
      if (stream.interrupt.signal.aborted && reader.isBetweenEvents) {
        gone.throwIfAborted();
        if (stream.isOver) return;
        stream.interrupt = new AbortController();
        await sink.notice(await reader.lastReadId(), 'shutdown', this.shutdown, gone);
      }
      const signal = reader.isBetweenEvents ? stream.interrupt.signal : gone;
      const batch = await reader.next(signal).catch((error: unknown) => {
        if (signal.aborted) return 'interrupted' as const;
        throw error;
      });
      if (batch === null) return;
      if (batch === 'interrupted') continue;
      const isWhole = reader.isBetweenEvents;
      const shown = view === null ? batch : await view.of(batch, isWhole);
      if (shown.length > 0) await sink.write(shown, gone, isWhole);
    }
  }

  /** Tells a waiting client its place: at once, and whenever it has changed, until it waits no more. */
  private async sendQueuePosition(run: Run, stream: Stream): Promise<void> {
    const { reader, sink, gone, interrupt } = stream;
    if (run.leftQueue.aborted) return;
    const over = new AbortController();
    const end = () => over.abort();
    run.leftQueue.addEventListener('abort', end);
    interrupt.signal.addEventListener('abort', end);
    if (interrupt.signal.aborted) end();
    let told: number | null = null;
    try {
      while (!over.signal.aborted) {
        const place = await this.runs.queuePosition(run.id);
        if (place !== null && !over.signal.aborted && place.position !== told) {
          told = place.position;
          await sink.notice(
            await reader.lastReadId(),
            'queued',
            { run_id: run.id, position: place.position, pending_total: place.pendingTotal },
            gone,
          );
        }
        await sleep(POSITION_INTERVAL_MS, undefined, { signal: over.signal }).catch(
          () => undefined,
        );
      }
    } finally {
      run.leftQueue.removeEventListener('abort', end);
      interrupt.signal.removeEventListener('abort', end);
    }
  }
}

import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type MessageEvent } from '@nestjs/common';
import { Observable } from 'rxjs';
import { FrameSink } from './frame-sink.js';
import { RunService } from './run.service.js';
import type { Run } from './run.js';

/** What a client that reconnects by itself waits before it does, in milliseconds. */
const RETRY_MS = 3000;
/** How often a waiting client hears of its place, at most, in milliseconds. */
const POSITION_INTERVAL_MS = 1000;

/** Follows a run on behalf of one connection. */
@Injectable()
export class RunStream {
  constructor(private readonly runs: RunService) {}

  /**
   * The stream of a run for `@Sse`. The Observable carries the opening and the end. What lies between
   * goes from the log to the response in pieces that hold many events, since the framework's writer
   * spends a promise, a tick and a socket write on each one and cannot be paused: here a client that
   * reads slowly is waited for, and a piece is all that is held for it.
   */
  follow(run: Run, response: ServerResponse): Observable<MessageEvent> {
    return new Observable((subscriber) => {
      const gone = new AbortController();
      // Without an id of ours the framework would give it one of its own, and mislead a resume.
      subscriber.next({ id: '0', retry: RETRY_MS });
      this.send(run, response, gone.signal).then(
        () => subscriber.complete(),
        (error: unknown) => {
          if (!gone.signal.aborted) subscriber.error(error);
        },
      );
      return () => gone.abort();
    });
  }

  private async send(run: Run, response: ServerResponse, gone: AbortSignal): Promise<void> {
    const sink = new FrameSink(response);
    const reader = run.log.reader();
    try {
      // The framework has sent the headers by now, and its opening goes out in this turn.
      await nextTurn();
      await this.sendQueuePosition(run, sink, gone);
      for (;;) {
        const piece = await reader.next(gone);
        if (piece === null) return;
        await sink.write(piece, gone);
      }
    } finally {
      reader.close();
      sink.close();
    }
  }

  /** Tells a waiting client its place: at once, and whenever it has changed, until it waits no more. */
  private async sendQueuePosition(run: Run, sink: FrameSink, gone: AbortSignal): Promise<void> {
    const over = AbortSignal.any([run.leftQueue, gone]);
    let told: number | null = null;
    while (!over.aborted) {
      const place = await this.runs.queuePosition(run);
      if (place !== null && !over.aborted && place.position !== told) {
        told = place.position;
        await sink.notice(
          run.log.lastEventId,
          'queued',
          { run_id: run.id, position: place.position, pending_total: place.pendingTotal },
          gone,
        );
      }
      await sleep(POSITION_INTERVAL_MS, undefined, { signal: over }).catch(() => undefined);
    }
  }
}

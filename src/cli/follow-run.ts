import {
  type ReconnectOptions,
  type RunEvent,
  type RunExit,
  type RunnerClient,
  RunnerUnreachable,
  type RunStream,
} from '../client/index.js';
import { ANSWER_SECONDS } from './connection.js';
import { durationText } from './durations.js';
import { EXIT } from './exit-codes.js';
import { Ending, failureOf } from './failure.js';
import { RunReport } from './run-report.js';
import { safeJsonLine } from './safe-text.js';
import type { Screen } from './screen.js';

/** How a run is shown, and what Ctrl-C does. */
export interface Following {
  client: RunnerClient;
  screen: Screen;
  isJson: boolean;
  /** Ctrl-C asks the server to end the run; else it only leaves. */
  cancels: boolean;
}

/** How long a server may take to end a run that it is asked to end: it says so after 10 s at the latest. */
const CANCEL_MS = 15_000;

/**
 * Shows a run to its end.
 * @param follow begins to follow it
 * @returns the exit code that its end stands for
 */
export async function showRun(
  follow: (reconnect: ReconnectOptions) => RunStream,
  { client, screen, isJson, cancels }: Following,
): Promise<number> {
  const report = isJson ? null : new RunReport(screen);
  const say = (text: string) => {
    if (report === null) process.stderr.write(`${text}\n`);
    else report.note(text);
  };
  const stream = follow({
    connectSeconds: ANSWER_SECONDS,
    onRetry: (_cause, delayMs) =>
      say(`no connection to the server; trying again in ${durationText(delayMs)}`),
  });
  const gone = new AbortController();
  const interrupts = new Interrupts(stream, cancels, say, screen);
  const closed = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') say(failureOf(error).text ?? '');
    gone.abort(new Ending(EXIT.pipe));
    void stream.return();
  };
  process.stdout.once('error', closed);
  process.stdout.on('error', () => undefined);
  try {
    for await (const event of stream) {
      if (report === null) screen.raw(safeJsonLine(jsonOf(event)));
      else report.take(event);
      await screen.taken(gone.signal).catch(() => gone.signal.throwIfAborted());
    }
    gone.signal.throwIfAborted();
    if (interrupts.exitCode !== null && stream.exit === null) throw new Ending(interrupts.exitCode);
    if (stream.exit === null) {
      say('The run has ended before, and all of it was seen. `runs` says how.');
      return EXIT.ok;
    }
    if (report !== null) {
      const run = await client.get(stream.exit.run_id, { signal: AbortSignal.timeout(5000) });
      report.end(stream.exit, run);
    }
    await screen.written();
    gone.signal.throwIfAborted();
    return exitCodeOf(stream.exit);
  } catch (error) {
    if (stream.exit === null || error instanceof Ending) throw error;
    // All that is missing is how long it took.
    report?.end(stream.exit, null);
    return exitCodeOf(stream.exit);
  } finally {
    screen.show(null);
    interrupts.end();
    process.stdout.off('error', closed);
  }
}

/** What a person, or a system that stops, wants of a run that is being followed. */
class Interrupts {
  /** The code to end with where the end of the run is not seen. */
  exitCode: number | null = null;
  private readonly listeners: [NodeJS.Signals, () => void][];
  private readonly asking = new AbortController();
  private isOver = false;

  constructor(
    private readonly stream: RunStream,
    private readonly cancels: boolean,
    private readonly say: (text: string) => void,
    private readonly screen: Screen,
  ) {
    this.listeners = [
      ['SIGINT', () => this.interrupt(EXIT.cancelled)],
      ['SIGTERM', () => this.interrupt(EXIT.terminated)],
      ['SIGHUP', () => this.interrupt(EXIT.terminated)],
    ];
    for (const [signal, listener] of this.listeners) process.on(signal, listener);
  }

  end(): void {
    for (const [signal, listener] of this.listeners) process.off(signal, listener);
    this.isOver = true;
    this.asking.abort();
  }

  private interrupt(exitCode: number): void {
    if (this.exitCode !== null) {
      // At once: whatever still hangs must not hold up who wants to go.
      this.screen.show(null);
      process.exit(this.exitCode);
    }
    this.exitCode = exitCode;
    if (this.cancels) void this.cancel();
    else this.leave();
  }

  private async cancel(): Promise<void> {
    this.say('Asking the server to end the run; Ctrl-C again leaves at once.');
    const late = setTimeout(
      () => this.asking.abort(new RunnerUnreachable('It has not answered.')),
      CANCEL_MS,
    );
    try {
      await this.stream.cancel(this.asking.signal);
    } catch (error) {
      if (this.isOver || this.stream.exit !== null) return;
      this.say(`The server could not be asked. ${failureOf(error).text ?? ''}`);
      // Nobody is there who would tell of its end.
      if (error instanceof RunnerUnreachable) void this.stream.return();
    } finally {
      clearTimeout(late);
    }
  }

  private leave(): void {
    const { runId } = this.stream;
    if (runId !== null)
      this.say(`Left. The run can be ended with: fermilink-runner cancel ${runId}`);
    void this.stream.return();
  }
}

function jsonOf(event: RunEvent): object {
  return event.event === 'other'
    ? { id: event.id, event: event.name, data: event.data }
    : { id: event.id, event: event.event, data: event.data };
}

/** The exit code that the end of a run stands for. */
export function exitCodeOf({ reason, outcome, return_code }: RunExit): number {
  switch (reason) {
    case 'completed':
      return outcome === 'succeeded' || (outcome !== 'failed' && return_code === 0)
        ? EXIT.ok
        : EXIT.failed;
    case 'timeout':
      return EXIT.timeout;
    case 'cancelled':
      return EXIT.cancelled;
    default:
      return EXIT.failed;
  }
}

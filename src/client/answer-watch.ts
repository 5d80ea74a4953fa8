import { reasonsOfBrowser } from './browser.js';
import { RunnerUnreachable } from './errors.js';
import { type Timer, timerOf } from './timers.js';

/** How long a request waits for the beginning of its answer. */
export interface AnswerLimits {
  /** Milliseconds without a sign of the server. */
  silenceMs: number;
  /** Milliseconds in all, whatever signs there are. */
  mostMs: number;
  /** Asks the server whether it is there, when half of the silence is over; null where nothing excuses it. */
  probe: ((signal: AbortSignal) => Promise<unknown>) | null;
}

/** Gives up a request to a server that takes it and says nothing: a stopped process, a dead proxy. */
export class AnswerWatch {
  private readonly late = new AbortController();
  private readonly over = new AbortController();
  private readonly most: Timer;
  private silence: Timer | null = null;
  private halfway: Timer | null = null;

  constructor(private readonly limits: AnswerLimits) {
    this.most = timerOf(limits.mostMs, () => this.giveUp(limits.mostMs));
    this.sign();
  }

  /** Aborted, with a `RunnerUnreachable`, when it is too late for an answer. */
  get signal(): AbortSignal {
    return this.late.signal;
  }

  /** Something shows that the server is there: its silence begins anew. */
  sign(): void {
    this.stopSilence();
    if (this.over.signal.aborted) return;
    const { silenceMs, probe } = this.limits;
    this.silence = timerOf(silenceMs, () => this.giveUp(silenceMs));
    if (probe === null) return;
    this.halfway = timerOf(silenceMs / 2, () => {
      probe(this.over.signal).then(
        () => this.sign(),
        // That says nothing yet: its own answer may still come.
        () => undefined,
      );
    });
  }

  /** The answer has begun, or nobody waits for it any more. */
  end(): void {
    clearTimeout(this.most);
    this.stopSilence();
    this.over.abort();
  }

  private giveUp(milliseconds: number): void {
    this.end();
    const seconds = Math.round(milliseconds / 100) / 10;
    const sentence = `The runner has not answered for ${seconds} s.${reasonsOfBrowser()}`;
    this.late.abort(new RunnerUnreachable(sentence));
  }

  private stopSilence(): void {
    for (const timer of [this.silence, this.halfway]) if (timer !== null) clearTimeout(timer);
  }
}

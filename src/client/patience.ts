import { reasonsOfBrowser } from './browser.js';
import { RunnerUnreachable } from './errors.js';

/** How long, and how often, a client tries again. */
export interface ReconnectOptions {
  /** Seconds without a sign of the run after which it gives up; 120. */
  giveUpSeconds?: number;
  /** The same for a server that has not answered yet at all; 10. */
  connectSeconds?: number;
  /** Milliseconds before the first new attempt, in the place of what the server asks for (at least 100); it doubles from there. */
  delayMs?: number;
  /** The most that it grows to, in milliseconds; 30,000. */
  maxDelayMs?: number;
  /** Seconds without a byte after which a stream counts as broken; 35. A runner sends one every 10 s. */
  silenceSeconds?: number;
  /** Called before each pause. */
  onRetry?: (cause: unknown, delayMs: number) => void;
}

/** What is waited where the server has not said anything else, in milliseconds. */
const FIRST_DELAY_MS = 500;

/** What is waited at the least, whatever the server asks for, in milliseconds. */
const LEAST_DELAY_MS = 100;

/** What the last attempt has too, in milliseconds. */
const LEAST_ATTEMPT_MS = 1000;

/** Decides when to try again, and when to give up. */
export class Patience {
  private attempts = 0;
  /** When the trouble began; null while there is none. */
  private troubleSince: number | null = null;
  private hasContact = false;
  private askedForMs: number | null = null;

  constructor(private readonly options: ReconnectOptions) {}

  /** The server has asked for a pause of so many milliseconds before an attempt. */
  ask(milliseconds: number): void {
    this.askedForMs = Math.max(milliseconds, LEAST_DELAY_MS);
  }

  /** An attempt begins: gives the milliseconds that it may take until something is heard of the server. */
  attempt(): number {
    // With a server that was there the trouble begins when it has gone.
    if (!this.hasContact) this.troubleSince ??= performance.now();
    // A timer may end a moment too soon, and what was left would be another attempt.
    return Math.max(LEAST_ATTEMPT_MS, this.leftMs() + 10);
  }

  /** The server has answered. */
  contact(): void {
    if (!this.hasContact) this.troubleSince = null;
    this.hasContact = true;
  }

  /** Something new of the run has come, or a connection holds: the next trouble is a new one. */
  progress(): void {
    this.hasContact = true;
    this.attempts = 0;
    this.troubleSince = null;
  }

  /**
   * Waits before the next attempt: longer each time, and never as long as another client.
   * @param atLeastSeconds what the server wants at the least
   * @throws {RunnerUnreachable} if it is time to give up
   */
  async pause(cause: unknown, atLeastSeconds: number | null, signal: AbortSignal): Promise<void> {
    const { maxDelayMs = 30_000 } = this.options;
    // A server that answers, if only with a refusal, is there.
    if (atLeastSeconds !== null) this.contact();
    this.troubleSince ??= performance.now();
    const leftMs = this.leftMs();
    if (leftMs <= 0) {
      throw new RunnerUnreachable(
        this.hasContact
          ? `The runner has given no sign of the run for ${this.seconds} seconds.`
          : `The runner does not answer: it is not running, or its address is another one.${reasonsOfBrowser()}`,
        cause,
      );
    }
    const first = this.options.delayMs ?? this.askedForMs ?? FIRST_DELAY_MS;
    const grown = Math.min(first * 2 ** this.attempts, Math.max(first, maxDelayMs));
    const wanted = Math.max(grown * (1 + Math.random() / 2), (atLeastSeconds ?? 0) * 1000);
    this.attempts += 1;
    const delayMs = Math.min(wanted, leftMs);
    this.options.onRetry?.(cause, delayMs);
    await pauseFor(delayMs, signal);
  }

  /** How long it is patient at all. */
  private get seconds(): number {
    const { giveUpSeconds = 120, connectSeconds = 10 } = this.options;
    return this.hasContact ? giveUpSeconds : connectSeconds;
  }

  private leftMs(): number {
    const now = performance.now();
    return (this.troubleSince ?? now) + this.seconds * 1000 - now;
  }
}

/** Waits; rejects with the signal's reason as soon as it is aborted. */
export function pauseFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
}

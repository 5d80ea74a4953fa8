/** How far back the rate looks, and the longest wait that is ever advised, in seconds. */
const WINDOW_SECONDS = 60;

/** How often slots came free lately, counted by the second. */
export class ReleaseRate {
  private readonly counts = new Array<number>(WINDOW_SECONDS).fill(0);
  private latestSecond = 0;
  private total = 0;

  /** @param now seconds on a monotonic clock */
  constructor(private readonly now: () => number) {}

  /** A slot has come free just now. */
  note(): void {
    this.forget();
    this.counts[this.latestSecond % WINDOW_SECONDS]! += 1;
    this.total += 1;
  }

  /** After how many whole seconds, 1 to 60, another slot is to be expected. */
  retryAfterSeconds(): number {
    this.forget();
    return this.total === 0 ? WINDOW_SECONDS : Math.ceil(WINDOW_SECONDS / this.total);
  }

  private forget(): void {
    const second = Math.floor(this.now());
    const passed = Math.min(second - this.latestSecond, WINDOW_SECONDS);
    for (let i = 1; i <= passed; i += 1) {
      const slot = (second - passed + i) % WINDOW_SECONDS;
      this.total -= this.counts[slot]!;
      this.counts[slot] = 0;
    }
    this.latestSecond = second;
  }
}

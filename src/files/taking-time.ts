/** How long somebody may take for something of unknown size. */
export interface Allowance {
  /** Milliseconds whatever is taken. */
  ms: number;
  /** Bytes for each of which there is more time. */
  bytesPerSecond: number;
}

/** The time that a client has for something whose size nobody knows: the more it takes, the more it has. */
export class TakingTime {
  private readonly late = new AbortController();
  private endsAt: number;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly allowance: Allowance) {
    this.endsAt = performance.now() + allowance.ms;
    this.watch();
  }

  /** Aborts when the time is up. */
  get signal(): AbortSignal {
    return this.late.signal;
  }

  /** So many bytes have been taken. */
  took(bytes: number): void {
    this.endsAt += (bytes * 1000) / this.allowance.bytesPerSecond;
  }

  /** Nobody is waited for any more. */
  end(): void {
    clearTimeout(this.timer);
  }

  private watch(): void {
    const leftMs = this.endsAt - performance.now();
    if (leftMs > 0) this.timer = setTimeout(() => this.watch(), Math.ceil(leftMs));
    else this.late.abort(new Error('the client takes too long'));
  }
}

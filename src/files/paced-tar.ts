import { type Header, pack } from 'tar-stream';

/** What an entry is, but its content. */
export type TarHeader = Pick<Header, 'name' | 'type'> & Partial<Header>;

/** Bytes that may wait until somebody takes them. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** A tar that is made no faster than it is taken: also what has no content waits for its turn. */
export class PacedTar {
  private readonly pack = pack();
  private waitingBytes = 0;
  private wake: (() => void) | null = null;

  /** @param signal gives it up */
  constructor(private readonly signal: AbortSignal) {
    const push = this.pack.push.bind(this.pack);
    this.pack.push = (chunk: Buffer | null) => {
      this.waitingBytes += chunk?.length ?? 0;
      return push(chunk);
    };
    signal.addEventListener('abort', () => {
      this.wake?.();
      this.destroy();
    });
  }

  /**
   * Adds an entry.
   * @param content as many bytes as the header says
   * @throws the signal's reason
   */
  async add(header: TarHeader, content?: AsyncIterable<Buffer>): Promise<void> {
    await this.room();
    const entry = this.pack.entry(header);
    // What becomes of the whole is told where its bytes are taken.
    entry.on('error', () => undefined);
    if (content === undefined) return;
    let proceed = () => {};
    entry.on('drain', () => proceed()).on('close', () => proceed());
    for await (const chunk of content) {
      this.signal.throwIfAborted();
      const isTaken = new Promise<void>((resolve) => (proceed = resolve));
      if (!entry.write(chunk)) await isTaken;
    }
    const isClosed = new Promise<void>((resolve) => (proceed = resolve));
    entry.end(null);
    await isClosed;
  }

  /** Nothing more comes. */
  end(): void {
    this.pack.finalize();
  }

  /** Gives it up. */
  destroy(error?: Error): void {
    this.pack.destroy(error ?? new Error('the archive is given up'));
  }

  /** What is in it, to be taken once. */
  async *bytes(): AsyncGenerator<Buffer> {
    for await (const chunk of this.pack as AsyncIterable<Buffer>) {
      this.waitingBytes -= chunk.length;
      this.wake?.();
      yield chunk;
    }
  }

  private async room(): Promise<void> {
    while (this.waitingBytes > MAX_WAITING_BYTES && !this.signal.aborted) {
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    this.signal.throwIfAborted();
  }
}

/**
 * Waits for a promise no longer than until a signal is aborted. The work behind the promise goes on;
 * who can end it has to be given the signal too.
 * @throws the signal's reason
 */
export async function untilAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  let stopWaiting!: () => void;
  const aborted = new Promise<never>((_resolve, reject) => {
    stopWaiting = () => reject(signal.reason as Error);
  });
  signal.addEventListener('abort', stopWaiting, { once: true });
  if (signal.aborted) stopWaiting();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stopWaiting);
  }
}

/**
 * Waits until a promise is fulfilled or rejected, but no longer than so many seconds.
 * @returns whether it is
 */
export async function settledWithin(seconds: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), seconds * 1000);
  });
  const settled = promise.then(
    () => true,
    () => true,
  );
  const isSettled = await Promise.race([settled, patience]);
  clearTimeout(timer);
  return isSettled;
}

/** Work that all who ask for it meanwhile share. It is given up when the last of them waits no more. */
export class SharedWork {
  private current: { done: Promise<void>; stop: AbortController; waiting: number } | null = null;

  /** @param work ends early, with any error, when its signal is aborted */
  constructor(private readonly work: (signal: AbortSignal) => Promise<void>) {}

  /**
   * Waits for the work that is under way, or begins it. The errors of the work are thrown to all.
   * @throws the signal's reason, which concerns this caller alone
   */
  async join(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const joined = (this.current ??= this.begin());
    joined.waiting += 1;
    try {
      await untilAborted(joined.done, signal);
    } finally {
      joined.waiting -= 1;
      if (joined.waiting === 0) {
        // Whoever comes from now on needs work of their own.
        if (this.current === joined) this.current = null;
        joined.stop.abort();
      }
    }
  }

  private begin() {
    const stop = new AbortController();
    const done = this.work(stop.signal);
    // When nobody waits any more, nobody is to be told.
    done.catch(() => undefined);
    return { done, stop, waiting: 0 };
  }
}

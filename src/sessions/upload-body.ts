import type { Request } from 'express';
import { RunnerError } from '../common/errors.js';

/**
 * The body of a request as it comes. It ends with an error where the client breaks it off, and where it
 * sends nothing for so many seconds.
 * @throws {RunnerError} `upload_stalled`
 */
export async function* uploadOf(request: Request, patienceSeconds: number): AsyncGenerator<Buffer> {
  // The connection is still needed for the answer where not all of it is read.
  const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  try {
    for (;;) {
      const next = await within(patienceSeconds, chunks.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    void chunks.return?.().catch(() => undefined);
    // What is left of it is taken for a while, so that its client sees the answer.
    request.resume();
  }
}

async function within<T>(seconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const detail = `Nothing of the file came for ${seconds} seconds; nothing was changed. Send it again.`;
      reject(new RunnerError('upload_stalled', detail));
    }, seconds * 1000);
  });
  promise.catch(() => undefined);
  try {
    return await Promise.race([promise, patience]);
  } finally {
    clearTimeout(timer);
  }
}

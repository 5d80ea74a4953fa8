import type { Request } from 'express';
import type { StreamedBody } from '../common/request-limits.js';
import { settledWithin } from '../common/abort.js';
import { RunnerError } from '../common/errors.js';

/** `PUT /sessions/{id}/files/{path}`. */
export const FILE_BODY: StreamedBody = {
  method: 'PUT',
  path: /^\/sessions\/[^/]+\/files\/./i,
};

/** How long the rest of a body that is refused is taken. */
const DISCARD_SECONDS = 5;

/**
 * The body of a request as it comes. It ends with an error where the client breaks it off, and where it
 * sends nothing for so many seconds.
 * @throws {RunnerError} `request_timeout`
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
  }
}

/**
 * Takes what is left of the body of a request that is refused, for a while: a client that is still sending
 * when the connection closes would see it break, and not the answer. One that sends nothing is not waited for.
 */
export async function discardRest(request: Request, why: unknown): Promise<void> {
  const isStalled = why instanceof RunnerError && why.code === 'request_timeout';
  request.resume();
  if (isStalled || request.complete || request.destroyed) return;
  const isOver = new Promise((resolve) => request.once('end', resolve).once('close', resolve));
  await settledWithin(DISCARD_SECONDS, isOver);
}

async function within<T>(seconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const detail = `Nothing of the file came for ${seconds} seconds; nothing was changed. Send it again.`;
      reject(new RunnerError('request_timeout', detail));
    }, seconds * 1000);
  });
  promise.catch(() => undefined);
  try {
    return await Promise.race([promise, patience]);
  } finally {
    clearTimeout(timer);
  }
}

import { RunnerProtocolError, RunnerUnreachable } from './errors.js';
import { timerOf } from './timers.js';

/** How much of a body is taken. */
export interface BodyLimits {
  /** Bytes, after they are unpacked. */
  maxBytes: number;
  /** Milliseconds that may pass without one. */
  silenceMs: number;
}

/**
 * Reads the text of an answer. What is not read is given up with its connection.
 * @throws {RunnerProtocolError} if there is more of it
 * @throws {RunnerUnreachable} if it stops to come; whatever else breaks it off throws as it does
 */
export async function textOf(response: Response, limits: BodyLimits): Promise<string> {
  if (response.body === null) return '';
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  try {
    for (;;) {
      const part = await within(limits.silenceMs, reader.read());
      if (part.done) return text + decoder.decode();
      bytes += part.value.byteLength;
      if (bytes > limits.maxBytes) {
        throw new RunnerProtocolError('What answers is no runner: its answer has no end.');
      }
      text += decoder.decode(part.value, { stream: true });
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = new RunnerUnreachable('The answer of the runner broke off.');
    const timer = timerOf(milliseconds, () => reject(late));
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { RunnerProtocolError, RunnerUnreachable } from './errors.js';

/** How long one event may be, in characters: twice the longest line that a server can be set to let through. */
export const MAX_EVENT_LENGTH = 128 * 2 ** 20;

/** What is to be told of one stream while it is read. */
export interface StreamWatch {
  /** Milliseconds that may pass without a byte. */
  silenceMs: number;
  /** Ends the connection. */
  connection: AbortController;
  /** The server has said how long to wait before a new connection. */
  onRetry: (milliseconds: number) => void;
  /** A comment came: nothing happens, but all is well. */
  onHeartbeat: () => void;
}

/**
 * The events of an answer, as many at a time as have come: nothing is read ahead of who takes them.
 * @throws {RunnerProtocolError} if it is no stream of events, or has one without an end
 * @throws {RunnerUnreachable} if the connection breaks, or is silent
 */
export async function* eventsOf(
  response: Response,
  { silenceMs, connection, onRetry, onHeartbeat }: StreamWatch,
): AsyncGenerator<EventSourceMessage[], void, undefined> {
  const { body } = response;
  if (body === null || !/^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '')) {
    throw new RunnerProtocolError('What answers is no runner: it sends no stream of events.');
  }
  let events: EventSourceMessage[] = [];
  let isTooLong = false;
  const parser = createParser({
    onEvent: (event) => events.push(event),
    onRetry,
    onComment: onHeartbeat,
    onError: ({ type }) => (isTooLong ||= type === 'max-buffer-size-exceeded'),
    maxBufferSize: MAX_EVENT_LENGTH,
  });
  const decoder = new TextDecoder();
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  for (;;) {
    const silence = setTimeout(
      () => connection.abort(new RunnerUnreachable('The connection to the runner is silent.')),
      silenceMs,
    );
    const part = await reader
      .read()
      .catch((error: unknown) => {
        connection.signal.throwIfAborted();
        throw new RunnerUnreachable('The connection to the runner broke.', error);
      })
      .finally(() => clearTimeout(silence));
    if (part.done) return;
    parser.feed(decoder.decode(part.value, { stream: true }));
    if (isTooLong) throw endless();
    if (events.length === 0) continue;
    const batch = events;
    events = [];
    yield batch;
  }
}

/** What is thrown for an event that grows beyond all bounds. */
export function endless(): RunnerProtocolError {
  return new RunnerProtocolError('What answers is no runner: it sends an event without an end.');
}

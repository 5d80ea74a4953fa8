import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { finished } from 'node:stream/promises';
import { type Expected, type LineListener, StreamCheck } from './stream-check.js';

/** A client that has read no more than this has read nothing: the rest waits on its way. */
const UNREAD_BYTES = 1024 * 1024;

/** What came over one stream; every event was checked as it came. */
export interface StreamFacts {
  /** Of the `Location` header, without `/runs/`; empty where the server gives none. */
  runId: string;
  /** From the request to the first event of the agent, in milliseconds. */
  firstMs: number;
  /** From the request to the end of the stream, in milliseconds. */
  totalMs: number;
  agentEvents: number;
  /** Null where the server gives no ids. */
  lastId: number | null;
}

export interface ReadOptions extends LineListener {
  /** Sent with POST; without one it is a GET. */
  body?: object;
  /** Nothing is read before this has come to pass; by then the answer must not have come whole. */
  readAfter?: Promise<unknown>;
}

/**
 * Reads a stream to its end.
 * @throws if it is not what is expected in every respect that `StreamCheck` looks at
 */
export async function readStream(
  url: string,
  expected: Expected,
  { body, readAfter, onFirst, onLine }: ReadOptions = {},
): Promise<StreamFacts> {
  const began = performance.now();
  const sent = request(url, {
    method: body === undefined ? 'GET' : 'POST',
    agent: false,
    headers: { 'content-type': 'application/json' },
  });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  // A connection that breaks is told to both; the response's word is heard.
  sent.on('error', () => undefined);
  if (response.statusCode !== 200) {
    response.destroy();
    throw new Error(`${url} answered ${response.statusCode}`);
  }
  if (readAfter !== undefined) {
    await readAfter;
    const { bytesRead } = response.socket;
    if (response.complete || bytesRead > UNREAD_BYTES) {
      throw new Error(`a client that should not read has read ${bytesRead} bytes`);
    }
  }
  let firstMs = 0;
  const check = new StreamCheck(expected, {
    onFirst: () => {
      firstMs = performance.now() - began;
      onFirst?.();
    },
    onLine,
  });
  response.on('data', (chunk: Buffer) => check.push(chunk));
  await finished(response);
  const runId = response.headers.location?.slice('/runs/'.length) ?? '';
  return { ...check.end(), runId, firstMs, totalMs: performance.now() - began };
}

import { connect, type Socket } from 'node:net';
import { seen, seenEvent } from '../support/conformity/recorder.js';
import type { BadCase } from './bad-case.js';

/** An answer as it came over the socket. */
export interface Answer {
  status: number;
  /** Names in lower case; of one that came twice the last. */
  headers: Map<string, string>;
  body: string;
}

/** The bytes of a request, nothing of it made right on the way. */
export function bytesOf({ raw, method = 'GET', path = '/', headers = [], body }: BadCase): Buffer {
  if (raw !== undefined) return Buffer.from(raw);
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const lines: (string | Buffer)[] = [`${method} ${path} HTTP/1.1\r\n`];
  if (!names.has('host')) lines.push('Host: localhost\r\n');
  if (!names.has('connection')) lines.push('Connection: close\r\n');
  for (const [name, value] of headers) lines.push(`${name}: `, value, '\r\n');
  if (body !== undefined && !names.has('content-length') && !names.has('transfer-encoding')) {
    lines.push(`Content-Length: ${Buffer.byteLength(body)}\r\n`);
  }
  return Buffer.concat([...lines, '\r\n', body ?? ''].map((part) => Buffer.from(part)));
}

/**
 * Sends bytes over a socket of their own and reads the answer until the server closes.
 * @param seconds how long that may take; the server must not hang
 * @throws {Error} if no whole answer came
 */
export async function send(url: string, bytes: Buffer, seconds = 30): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    const answer = parsed(await exchanged(socket, bytes, seconds));
    note(url, bytes, answer);
    return answer;
  } finally {
    socket.destroy();
  }
}

/** Holds the answer to a request that can be read as one against the API document. */
function note(server: string, bytes: Buffer, { status, headers, body }: Answer): void {
  const request = /^([A-Z]+) (\/[^ ]*) HTTP\/1\.1\r\n/.exec(bytes.toString('latin1', 0, 20_000));
  if (request === null) return;
  const asked = { server, method: request[1]!, path: request[2]! };
  seen(server, {
    ...asked,
    status,
    header: (name) => headers.get(name.toLowerCase()) ?? null,
    body,
  });
  if (headers.get('content-type') !== 'text/event-stream' || asked.method === 'HEAD') return;
  for (const [, event, data] of body.matchAll(/^event: (.+)\ndata: (.*)$/gm)) {
    seenEvent(asked, event!, data!);
  }
}

function exchanged(socket: Socket, bytes: Buffer, seconds: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const limit = setTimeout(() => {
      const got = Buffer.concat(chunks).toString('latin1').slice(0, 200);
      reject(new Error(`the answer was not complete after ${seconds} s: ${JSON.stringify(got)}`));
    }, seconds * 1000);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A server may close before it has read all: what it said before counts.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(limit);
      resolve(Buffer.concat(chunks));
    });
    socket.write(bytes);
  });
}

function parsed(received: Buffer): Answer {
  const bytes = withoutInterim(received);
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const [first, ...lines] = text.slice(0, Math.max(end, 0)).split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(first ?? '')?.[1];
  if (end < 0 || status === undefined) {
    throw new Error(`no answer but ${JSON.stringify(text.slice(0, 200))}`);
  }
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const rest = bytes.subarray(end + 4);
  const body = headers.get('transfer-encoding') === 'chunked' ? unchunked(rest) : rest;
  return { status: Number(status), headers, body: body.toString('utf8') };
}

/** Without the word that a client may go on, which comes before the answer. */
function withoutInterim(bytes: Buffer): Buffer {
  const interim = /^HTTP\/1\.1 1\d\d [^\r]*\r\n\r\n/.exec(bytes.toString('latin1', 0, 200));
  return interim === null ? bytes : bytes.subarray(interim[0].length);
}

function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (lineEnd < 0 || !(size > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

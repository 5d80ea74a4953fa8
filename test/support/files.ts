import { readdirSync } from 'node:fs';
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import type { Runner } from './runner.js';
import { StreamClient } from './stream-client.js';

/** An answer of any kind, whole. */
export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** Of a problem. */
  code: string | undefined;
}

/** Sends a request whose path goes over the wire as it stands, and reads the whole answer. */
export function send(
  runner: Runner,
  method: string,
  path: string,
  { headers = {}, body }: { headers?: OutgoingHttpHeaders; body?: string | Buffer } = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(runner.url);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const whole = Buffer.concat(chunks);
        const isProblem = answer.headers['content-type']?.startsWith('application/problem+json');
        // The answer to a HEAD has none.
        const code =
          isProblem && whole.length > 0
            ? (JSON.parse(whole.toString()) as { code: string }).code
            : undefined;
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: whole, code });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Lets an agent do something in a session, and gives the data of the end. */
export async function act(
  runner: Runner,
  sessionId: string,
  script: string,
): Promise<Record<string, unknown>> {
  const body = { user_prompt: script, session_id: sessionId };
  return (await StreamClient.open(runner, body)).exit();
}

/** How many descriptors a process has open. */
export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

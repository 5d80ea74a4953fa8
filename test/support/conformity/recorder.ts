import { get, type IncomingMessage } from 'node:http';
import { ApiContract, type SeenAnswer } from './api-contract.js';
import type { ApiDocument } from './document.js';

/**
 * Holds every answer that the clients of the tests see against the API document, and lets the test fail in
 * which one is not as it is described. What tests read from bare sockets of their own is not seen.
 */

/** Where servers under test are. */
const servers = new Set<string>();
/** One document for all: it is the same however a server is configured. */
let contract: Promise<ApiContract | null> = Promise.resolve(null);
/** The same, once it is there. */
let present: ApiContract | null = null;
const faults: string[] = [];
const pending = new Set<Promise<void>>();

/** Answers from this server are seen from now on. @param url without a path */
export function watch(url: string): void {
  servers.add(url);
  // One that serves no document is held against that of another.
  contract = contract.then(async (known) => (present = known ?? (await contractOf(url))));
}

/** Notes an answer. @param server without a path */
export function seen(server: string, answer: SeenAnswer): void {
  check(server, (known) => known.faultsOf(answer));
}

/** Notes an answer of Node's own client, apart from its body. */
export function seenMessage(
  { server, method, path }: Asked,
  { statusCode, headers }: IncomingMessage,
  body: string | null = null,
): void {
  const header = (name: string) => headers[name.toLowerCase()]?.toString() ?? null;
  seen(server, { method, path, status: statusCode ?? 0, header, body });
}

/** Notes an event of a stream. */
export function seenEvent({ server, method, path }: Asked, event: string, data: string): void {
  check(server, (known) => known.faultsOfEvent(method, path, event, data));
}

/** What was asked of which server; the path byte for byte as it was sent. */
export interface Asked {
  server: string;
  method: string;
  path: string;
}

function check(server: string, find: (contract: ApiContract) => string[]): void {
  if (!servers.has(server)) return;
  if (present !== null) {
    faults.push(...find(present));
    return;
  }
  const checked = contract.then((known) => {
    if (known === null) faults.push('No server of this file serves its API document.');
    else faults.push(...find(known));
  });
  pending.add(checked);
  void checked.finally(() => pending.delete(checked));
}

function contractOf(url: string): Promise<ApiContract | null> {
  return new Promise((resolve, reject) => {
    // A connection of its own, which is gone before the test begins.
    get(`${url}/openapi.json`, { agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        const isServed = response.statusCode === 200;
        resolve(isServed ? new ApiContract(JSON.parse(text) as ApiDocument) : null);
      });
      response.on('error', reject);
    }).on('error', () => resolve(null));
  });
}

const plainFetch = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const response = await plainFetch(input, init);
  const { origin, pathname, search } = new URL(input instanceof Request ? input.url : input);
  if (!servers.has(origin)) return response;
  const method = (input instanceof Request ? input.method : (init?.method ?? 'GET')).toUpperCase();
  const isText = /json/.test(response.headers.get('content-type') ?? '');
  seen(origin, {
    method,
    path: pathname + search,
    status: response.status,
    header: (name) => response.headers.get(name),
    body: isText ? await response.clone().text() : null,
  });
  return response;
};

/** Fails with every fault that was found so far. */
async function requireNone(): Promise<void> {
  while (pending.size > 0) await Promise.all(pending);
  const found = [...new Set(faults.splice(0))];
  if (found.length > 0) {
    throw new Error(`Not as /openapi.json describes it:\n  ${found.join('\n  ')}`);
  }
}

afterEach(requireNone);
afterAll(requireNone);

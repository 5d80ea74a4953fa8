import { request } from 'node:http';
import { seenMessage } from './conformity/recorder.js';
import type { Runner } from './runner.js';

const FRAME_END = '\n\n';
const LF = 10;
const LOGGED = new Set(['meta', 'agent', 'log', 'stalled', 'runner.exit']);

/**
 * A client that follows one run over as many connections as it takes, each from the last event that it
 * has, and notes whatever a client must never see: an event again, one left out, one behind the end.
 */
export class RunFollower {
  /** The number of the last event that it has. */
  lastId = 0;
  /** The data of its events, `data[0]` that of event 1; empty where they are only counted. */
  readonly data: string[] = [];
  /** The data of the end. */
  exit: Record<string, unknown> | null = null;
  readonly violations: string[] = [];
  connections = 0;
  private readonly waiting = new Set<() => void>();

  constructor(
    readonly runId: string,
    private readonly keepsData = true,
  ) {}

  /**
   * Follows until the stream ends, breaks, or `leave` is aborted.
   * @returns the status, or null if no answer came
   */
  follow(runner: Runner, leave?: AbortSignal): Promise<number | null> {
    return new Promise((resolve) => {
      let status: number | null = null;
      const path = `/runs/${this.runId}/events`;
      const outgoing = request(runner.url + path, {
        agent: false,
        headers: { 'last-event-id': String(this.lastId) },
      });
      const go = () => outgoing.destroy();
      const over = () => {
        leave?.removeEventListener('abort', go);
        resolve(status);
      };
      leave?.addEventListener('abort', go);
      if (leave?.aborted) go();
      outgoing.on('error', over);
      outgoing.on('response', (response) => {
        status = response.statusCode ?? 0;
        seenMessage({ server: runner.url, method: 'GET', path }, response);
        this.connections += 1;
        let rest: Buffer[] = [];
        response.on('data', (chunk: Buffer) => {
          if (status !== 200) return;
          const mayEnd = chunk.includes(FRAME_END) || chunk[0] === LF;
          rest.push(chunk);
          // What is cut off in the middle of a frame is not an event.
          if (mayEnd) rest = [this.read(Buffer.concat(rest))];
        });
        response.on('error', () => undefined);
        response.on('close', over);
      });
      outgoing.end();
    });
  }

  /** Waits until an event comes. */
  nextEvent(): Promise<void> {
    return new Promise((resolve) => this.waiting.add(resolve));
  }

  /** Follows to the end, over and over if a connection breaks before. */
  async followToEnd(runner: Runner): Promise<this> {
    while (this.exit === null) {
      const status = await this.follow(runner);
      if (status !== 200 && this.exit === null) throw new Error(`run ${this.runId}: ${status}`);
    }
    return this;
  }

  private read(bytes: Buffer): Buffer {
    let from = 0;
    for (;;) {
      const end = bytes.indexOf(FRAME_END, from);
      if (end < 0) return bytes.subarray(from);
      this.take(bytes.subarray(from, end));
      from = end + FRAME_END.length;
    }
  }

  private take(frame: Buffer): void {
    const at = frame.indexOf('data: ');
    if (at < 0) return;
    const head = frame.toString('latin1', 0, at);
    const event = /^event: (.+)$/m.exec(head)?.[1] ?? 'message';
    if (!LOGGED.has(event)) return;
    const id = Number(/^id: (\d+)$/m.exec(head)?.[1] ?? Number.NaN);
    if (id !== this.lastId + 1) this.violations.push(`event ${id} (${event}) after ${this.lastId}`);
    if (this.exit !== null) this.violations.push(`event ${id} (${event}) behind the end`);
    if (!Number.isNaN(id)) this.lastId = id;
    for (const wake of this.waiting) wake();
    this.waiting.clear();
    const data = this.keepsData || event === 'runner.exit' ? frame.toString('utf8', at + 6) : '';
    if (this.keepsData) this.data.push(data);
    if (event === 'runner.exit') this.exit = JSON.parse(data) as Record<string, unknown>;
  }
}

/** Reads the whole log of a run that has ended or will. */
export function readRun(runner: Runner, id: string): Promise<RunFollower> {
  return new RunFollower(id).followToEnd(runner);
}

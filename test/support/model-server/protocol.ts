import type { IncomingHttpHeaders } from 'node:http';
import type { ModelAnswer, ModelRequest } from './script.js';

/** An answer that is words or the use of a tool, not a refusal. */
export type Reply = Exclude<ModelAnswer, { status: number } | 'silence'>;

/** A request before anything is made of it; the path is without its query. */
export interface RawRequest {
  path: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- read by protocols that know its form
  body: Record<string, any>;
  headers: IncomingHttpHeaders;
}

/** One part of a stream: the data, and the name of the event where the protocol has one. */
export interface StreamPart {
  event?: string;
  data: object | string;
}

/** Where a stream may be held: behind its first piece of text. */
export const HOLD = Symbol('hold');

/** A protocol of models, as much of it as a CLI needs. */
export interface Protocol {
  /** Whether a request to a path asks a model in this protocol. */
  matches(path: string): boolean;
  read(raw: RawRequest): Omit<ModelRequest, 'body'>;
  /** The answer as a stream; `id` is unlike those of other answers. */
  stream(reply: Reply, request: ModelRequest, id: string): (StreamPart | typeof HOLD)[];
  /** The answer in one piece for a request that wants no stream; null if it wants one. */
  whole?(reply: Reply, raw: RawRequest, id: string): object | null;
  /** The body of a refusal. */
  refusal(status: number): object;
}

/** What each answer is said to have cost, in tokens; those of reasoning are among the output. */
export const USAGE = { input: 100, cached: 10, output: 20, reasoning: 5 } as const;

export function piecesOf(say: string | readonly string[]): readonly string[] {
  return typeof say === 'string' ? [say] : say;
}

/** Puts the place where a stream may be held behind the first of the parts that say something. */
export function withHold<T>(parts: readonly T[]): (T | typeof HOLD)[] {
  return [...parts.slice(0, 1), HOLD, ...parts.slice(1)];
}

const REFUSALS: Readonly<Record<number, { type: string; message: string }>> = {
  401: { type: 'authentication_error', message: 'The key is not valid.' },
  429: { type: 'rate_limit_error', message: 'Too many requests, try again later.' },
};

/** What a refusal says; the type is in the words of Anthropic and OpenAI. */
export function refusalOf(status: number): { type: string; message: string } {
  return REFUSALS[status] ?? { type: 'api_error', message: 'The model has failed.' };
}

export function bearerOf({ authorization }: IncomingHttpHeaders): string | null {
  return authorization?.replace(/^Bearer /, '') ?? null;
}

/** The text of content that is a text or a list of parts. */
export function textIn(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return JSON.stringify(content ?? '');
  return content.map((part: { text?: string }) => part.text ?? '').join('');
}

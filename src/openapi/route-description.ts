import type { Type } from '@nestjs/common';
import type { ParameterLocation, SchemaObject } from '@nestjs/swagger';
import type { ErrorCode } from '../common/errors.js';

/** What the API document says of one route, besides its path, its access and what all routes have. */
export interface RouteDescription {
  /** The name of the operation, unique in the document: a verb and its object, as in `startRun`. */
  readonly id: string;
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  /** Parameters of path, query and headers; made with the functions below. */
  readonly parameters?: readonly Parameter[];
  /** The class of a JSON body, or something else made with `bytesBody`. */
  readonly body?: Type | RawBody;
  /** A body of that class, to begin with. */
  readonly example?: object;
  /** What is answered where nothing went wrong, by status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Codes of the problems that this route itself can answer with; see `EVERYWHERE` for those of all. */
  readonly errors?: readonly ErrorCode[];
  /** Headers that its problems may have, besides those that belong to their codes. */
  readonly problemHeaders?: readonly ResponseHeader[];
}

/** What the server sends to a receiver that the administrator names: a webhook. */
export interface SentMessage {
  /** Its type, unique in the document. */
  readonly name: string;
  /** The name of the operation. */
  readonly id: string;
  readonly summary: string;
  readonly description: string;
  readonly tag: string;
  readonly parameters: readonly Parameter[];
  /** The class of its JSON. */
  readonly body: Type;
  /** What the receiver's answers mean, by status or its range (`2XX`, `default`). */
  readonly answers: Readonly<Record<string, string>>;
}

export interface Parameter {
  readonly in: ParameterLocation;
  readonly name: string;
  readonly description: string;
  readonly required?: boolean;
  readonly schema: SchemaObject;
  /** It goes on to the end of the path: its slashes are sent as they are. */
  readonly 'x-rest-of-path'?: true;
}

/** A body that is not JSON. */
export interface RawBody {
  readonly mediaTypes: readonly string[];
  readonly description: string;
}

export interface ResponseHeader {
  readonly name: string;
  readonly description: string;
  readonly schema: SchemaObject;
  /** Every answer of its status has it; otherwise it may be missing. */
  readonly always: boolean;
}

export interface Answer {
  readonly description: string;
  readonly headers: readonly ResponseHeader[];
  /** By media type; empty for an answer without a body. */
  readonly content: Readonly<Record<string, Content>>;
}

export type Content =
  /** JSON as a class says it. */
  | { readonly type: Type }
  /** Bytes or text of which a class can say nothing. */
  | { readonly schema: SchemaObject }
  /** Server-Sent Events, by their names. */
  | { readonly events: Readonly<Record<string, EventDescription>> };

export interface EventDescription {
  readonly description: string;
  /** `logged` events are numbered and can be had again; a `notice` is sent live only. */
  readonly kind: 'logged' | 'notice';
  /** The classes of its data as JSON, any one of them; `text` if it is a line that may be anything. */
  readonly data: Type | readonly Type[] | 'text';
}

/** A part of the path. */
export function inPath(name: string, description: string, schema: SchemaObject = {}): Parameter {
  return { in: 'path', name, description, required: true, schema: { type: 'string', ...schema } };
}

/** The rest of the path, with its slashes: what the router calls `*name`. */
export function inRestOfPath(name: string, description: string): Parameter {
  return { ...inPath(name, description), 'x-rest-of-path': true };
}

/** A parameter of the query, which may be left out. */
export function inQuery(name: string, description: string, schema: SchemaObject = {}): Parameter {
  return { in: 'query', name, description, schema: { type: 'string', ...schema } };
}

/** A header of the request, which may be left out. */
export function inHeader(name: string, description: string, schema: SchemaObject = {}): Parameter {
  return { in: 'header', name, description, schema: { type: 'string', ...schema } };
}

/** A body of bytes. */
export function bytesBody(description: string, ...mediaTypes: string[]): RawBody {
  return { description, mediaTypes };
}

/** An answer in JSON. */
export function json(description: string, type: Type, ...headers: ResponseHeader[]): Answer {
  return { description, headers, content: { 'application/json': { type } } };
}

/** An answer in text of some kind, such as `text/plain`. */
export function text(description: string, mediaType: string, ...headers: ResponseHeader[]): Answer {
  return { description, headers, content: { [mediaType]: { schema: { type: 'string' } } } };
}

/** An answer of bytes; the media type may be a range, as in Accept. */
export function bytes(
  description: string,
  mediaType: string,
  ...headers: ResponseHeader[]
): Answer {
  // In OpenAPI 3.1 a schema without rules stands for bytes.
  return { description, headers, content: { [mediaType]: { schema: {} } } };
}

/** An answer without a body. */
export function empty(description: string, ...headers: ResponseHeader[]): Answer {
  return { description, headers, content: {} };
}

/** A stream of Server-Sent Events. */
export function events(
  description: string,
  of: Readonly<Record<string, EventDescription>>,
  ...headers: ResponseHeader[]
): Answer {
  return { description, headers, content: { 'text/event-stream': { events: of } } };
}

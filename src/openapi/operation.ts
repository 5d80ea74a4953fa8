import { STATUS_CODES } from 'node:http';
import type { Type } from '@nestjs/common';
import {
  getSchemaPath,
  type MediaTypeObject,
  type OperationObject,
  type ParameterObject,
  type PathItemObject,
  type RequestBodyObject,
  type ResponseObject,
  type ResponsesObject,
} from '@nestjs/swagger';
import type { ErrorCode } from '../common/errors.js';
import { statusesOf } from '../common/problem.filter.js';
import type { Access } from '../identity/access.decorators.js';
import { type Handler, refusalsOf, securityOf } from './access.js';
import { EVERYWHERE, HEADERS_OF_CODES } from './codes.js';
import { ACTING_USER } from './headers.js';
import { Problem } from './problem.js';
import type {
  Answer,
  Content,
  EventDescription,
  Parameter,
  ResponseHeader,
  RouteDescription,
  SentMessage,
} from './route-description.js';

/** What the document says of a route: what its author has said, and what follows from its place. */
export function operationOf(
  route: RouteDescription,
  handler: Handler,
  access: Access,
  tags: string[] | undefined,
): OperationObject {
  const parameters = [
    ...(route.parameters ?? []),
    ...(access.kind !== 'public' ? [ACTING_USER] : []),
  ];
  const codes = [...(route.errors ?? []), ...refusalsOf(handler, access), ...EVERYWHERE];
  return {
    operationId: route.id,
    ...(tags === undefined ? {} : { tags }),
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...(parameters.length === 0 ? {} : { parameters: parameters.map(parameterObject) }),
    ...(route.body === undefined ? {} : { requestBody: requestBody(route.body, route.example) }),
    responses: responses(route, codes),
    security: securityOf(access),
  };
}

/** What the document says of a message that the server sends. */
export function webhookOf(message: SentMessage): PathItemObject {
  const answers = Object.entries(message.answers).map(([status, description]) => [
    status,
    { description },
  ]);
  return {
    post: {
      operationId: message.id,
      tags: [message.tag],
      summary: message.summary,
      description: message.description,
      parameters: message.parameters.map(parameterObject),
      requestBody: requestBody(message.body),
      responses: Object.fromEntries(answers) as ResponsesObject,
      // Whom it asks is none of those who may ask the server.
      security: [],
    },
  };
}

function parameterObject({ required = false, ...parameter }: Parameter): ParameterObject {
  return { ...parameter, required };
}

function requestBody(
  body: NonNullable<RouteDescription['body']>,
  example?: object,
): RequestBodyObject {
  if (typeof body === 'function') {
    const ofJson = { schema: reference(body), ...(example === undefined ? {} : { example }) };
    return { required: true, content: { 'application/json': ofJson } };
  }
  const content = body.mediaTypes.map((it): [string, MediaTypeObject] => [it, { schema: {} }]);
  return {
    required: true,
    description: body.description,
    content: Object.fromEntries(content),
  };
}

function responses(
  { answers, problemHeaders = [] }: RouteDescription,
  codes: ErrorCode[],
): ResponsesObject {
  const all: Record<string, ResponseObject> = {};
  for (const [status, answer] of Object.entries(answers)) all[status] = response(answer);
  for (const [status, ofStatus] of byStatus(codes)) {
    const other = all[status];
    const ofProblem = [...problemHeaders, ...headersOf(ofStatus)];
    const headers = { ...other?.headers, ...headerObjects(ofProblem) };
    all[status] = {
      description: [other?.description, `${STATUS_CODES[status]}: ${ofStatus.join(', ')}.`]
        .filter(Boolean)
        .join(' Or: '),
      ...(Object.keys(headers).length === 0 ? {} : { headers }),
      content: { ...other?.content, 'application/problem+json': problem(status, ofStatus) },
    };
  }
  return all;
}

function byStatus(codes: ErrorCode[]): [number, ErrorCode[]][] {
  const statuses = new Map<number, ErrorCode[]>();
  for (const code of [...new Set(codes)].sort()) {
    for (const status of statusesOf(code)) {
      statuses.set(status, [...(statuses.get(status) ?? []), code]);
    }
  }
  return [...statuses];
}

function problem(status: number, codes: ErrorCode[]): MediaTypeObject {
  const narrowed = { properties: { status: { const: status }, code: { enum: codes } } };
  return { schema: { allOf: [reference(Problem), narrowed] } } as MediaTypeObject;
}

/** A header is promised only where every code of the status brings it. */
function headersOf(codes: readonly ErrorCode[]): ResponseHeader[] {
  const all = codes.flatMap((code) => HEADERS_OF_CODES[code] ?? []);
  return [...new Set(all)].map((header) => ({
    ...header,
    always: header.always && codes.every((code) => HEADERS_OF_CODES[code]?.includes(header)),
  }));
}

function response({ description, headers, content }: Answer): ResponseObject {
  const types = Object.entries(content).map(([mediaType, it]) => [mediaType, mediaTypeObject(it)]);
  return {
    description,
    ...(headers.length === 0 ? {} : { headers: headerObjects(headers) }),
    ...(types.length === 0
      ? {}
      : { content: Object.fromEntries(types) as Record<string, MediaTypeObject> }),
  };
}

function headerObjects(headers: readonly ResponseHeader[]) {
  return Object.fromEntries(
    headers.map(({ name, description, schema, always }) => [
      name,
      { description, required: always, schema },
    ]),
  );
}

function mediaTypeObject(content: Content): MediaTypeObject {
  if ('type' in content) return { schema: reference(content.type) };
  if ('schema' in content) return { schema: content.schema };
  const events = Object.entries(content.events).map(([name, it]) => [name, eventObject(it)]);
  return {
    schema: {
      type: 'string',
      description: 'Server-Sent Events in UTF-8; `x-events` has the data of each one by its name.',
    },
    'x-events': Object.fromEntries(events) as Record<string, object>,
  } as MediaTypeObject;
}

function eventObject({ description, kind, data }: EventDescription) {
  if (data === 'text') {
    return { description, kind, contentMediaType: 'text/plain', schema: { type: 'string' } };
  }
  const types = [data].flat();
  const schema = types.length === 1 ? reference(types[0]!) : { oneOf: types.map(reference) };
  return { description, kind, contentMediaType: 'application/json', schema };
}

function reference(type: Type): { $ref: string } {
  return { $ref: getSchemaPath(type) };
}

import { type ErrorObject, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ApiDocument, MediaType, Operation, ResponseObject } from './document.js';

/** An answer of a server, as far as it is held against the document. */
export interface SeenAnswer {
  method: string;
  /** With the query, as it was sent. */
  path: string;
  status: number;
  /** The value of a header, or null. */
  header(name: string): string | null;
  /** The whole body as text; null where it was not read to its end, or is no text. */
  body: string | null;
}

/** A route of the document. */
interface Route {
  template: string;
  pattern: RegExp;
  parameters: number;
  operations: Record<string, Operation>;
}

const PROBLEM = 'application/problem+json';
/** What is answered for what is no route, and what before anybody looks for one; with its code. */
const NO_ROUTE: Readonly<Record<number, string>> = {
  400: 'request_malformed',
  404: 'not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  431: 'headers_too_large',
};

/** What a client may act upon: none of them comes without being described. */
const ACTED_UPON = [
  'Accept-Ranges',
  'Content-Disposition',
  'Content-Range',
  'ETag',
  'Location',
  'Retry-After',
  'WWW-Authenticate',
];

/** An API document that answers are held against. Every finding is a sentence. */
export class ApiContract {
  private readonly routes: Route[];
  private readonly ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true });
  private readonly validators = new Map<object, ValidateFunction>();
  private readonly schemas: object;

  constructor(readonly document: ApiDocument) {
    this.ajv.addFormat('date-time', isMoment);
    this.ajv.addVocabulary(['x-meanings', 'discriminator']);
    this.schemas = withLocalReferences(document.components.schemas);
    // The path with the fewest parameters is the one that is meant.
    this.routes = Object.entries(document.paths)
      .map(([template, operations]) => routeOf(template, operations))
      .sort((a, b) => a.parameters - b.parameters);
  }

  /** @returns what is wrong with an answer; empty if it is as it is described */
  faultsOf(answer: SeenAnswer): string[] {
    const { method, status } = answer;
    if (isOfTheHttpServer(answer)) return [];
    const route = this.routeAt(answer.path);
    const name = (method === 'HEAD' ? 'GET' : method).toLowerCase();
    const operation = route?.operations[name];
    if (route === undefined || operation === undefined) {
      return this.faultsOfNoRoute(answer, route);
    }
    const where = `${method} ${route.template} answered ${status}`;
    const described = operation.responses[status];
    if (described === undefined) return [`${where}, which is not described`];
    return [...this.headerFaults(answer, described), ...this.bodyFaults(answer, described)].map(
      (fault) => `${where}: ${fault}`,
    );
  }

  /** @returns what is wrong with an event of a stream; empty if it is as it is described */
  faultsOfEvent(method: string, path: string, event: string, data: string): string[] {
    const route = this.routeAt(path);
    const operation = route?.operations[method.toLowerCase()];
    const described = operation?.responses[200]?.content?.['text/event-stream']?.['x-events'];
    const where = `${method} ${route?.template ?? path} sent the event ${event}`;
    const kind = described?.[event];
    if (kind === undefined) return [`${where}, which is not described`];
    if (kind.contentMediaType !== 'application/json') return [];
    return this.jsonFaults(kind.schema, data).map((fault) => `${where}: ${fault}`);
  }

  /** @returns what is wrong with what a webhook was sent; empty if it is as it is described */
  faultsOfMessage(name: string, body: string): string[] {
    const described = this.document.webhooks[name]?.post.requestBody.content['application/json'];
    if (described === undefined) return [`the message ${name} is not described`];
    return this.jsonFaults(schemaOf(described), body).map(
      (fault) => `the message ${name}: ${fault}`,
    );
  }

  private faultsOfNoRoute(answer: SeenAnswer, route: Route | undefined): string[] {
    const { method, path, status } = answer;
    // A preflight is answered by what stands before all routes.
    if (method === 'OPTIONS' && status === 204) return [];
    const where = `${method} ${route?.template ?? path} is not described, and answered ${status}`;
    const expected = NO_ROUTE[status];
    if (expected === undefined) return [where];
    if (method === 'HEAD' || answer.body === null) return [];
    const problem = { $ref: '#/components/schemas/Problem' };
    const code = codeIn(answer.body);
    return [
      ...this.jsonFaults(problem, answer.body),
      ...(code === expected ? [] : [`its code is ${code}`]),
      ...(status === 405 && answer.header('allow') === null ? ['it has no Allow'] : []),
    ].map((fault) => `${where}: ${fault}`);
  }

  private headerFaults(answer: SeenAnswer, { headers = {} }: ResponseObject): string[] {
    const known = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
    const unknown = ACTED_UPON.filter(
      (name) => !known.has(name.toLowerCase()) && answer.header(name) !== null,
    );
    const wrong = Object.entries(headers).flatMap(([name, { required, schema = {} }]) => {
      const value = answer.header(name);
      if (value === null) return required ? [`it has no ${name}`] : [];
      const isDescribed: boolean = this.validatorOf(schema)(value);
      return isDescribed ? [] : [`its ${name} is "${value}"`];
    });
    return [...unknown.map((name) => `its ${name} is not described`), ...wrong];
  }

  private bodyFaults(answer: SeenAnswer, { content }: ResponseObject): string[] {
    const { method, body } = answer;
    if (content === undefined) return body ? ['it has a body'] : [];
    const type = answer.header('content-type')?.split(';')[0]?.trim() ?? '';
    const mediaType = content[type] ?? content[`${type.split('/')[0]}/*`] ?? content['*/*'];
    if (mediaType === undefined) return [`its content type is "${type}"`];
    if (method === 'HEAD' || body === null || !isJson(type)) return [];
    const faults = this.jsonFaults(schemaOf(mediaType), body);
    return type === PROBLEM && faults.length > 0 ? [...faults, `code ${codeIn(body)}`] : faults;
  }

  private jsonFaults(schema: object, text: string): string[] {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return [`no JSON: ${text.slice(0, 200)}`];
    }
    const validate = this.validatorOf(schema);
    return validate(value) ? [] : (validate.errors ?? []).map(sentenceOf);
  }

  private validatorOf(schema: object): ValidateFunction {
    const known = this.validators.get(schema);
    if (known !== undefined) return known;
    const made = this.ajv.compile({ $defs: this.schemas, ...withLocalReferences(schema) });
    this.validators.set(schema, made);
    return made;
  }

  private routeAt(pathAndQuery: string): Route | undefined {
    const path = pathAndQuery.split('?')[0]!;
    try {
      decodeURIComponent(path);
    } catch {
      // The server finds nothing there either.
      return undefined;
    }
    return this.routes.find(({ pattern }) => pattern.test(path));
  }
}

/** The HTTP server refuses by itself what has no Host or an unknown expectation: no route hears of it. */
function isOfTheHttpServer(answer: SeenAnswer): boolean {
  const isBare = answer.body === '' && answer.header('content-type') === null;
  return isBare && (answer.status === 400 || answer.status === 417);
}

function routeOf(template: string, operations: Record<string, Operation>): Route {
  const rest = new Set(
    Object.values(operations)
      .flatMap(({ parameters }) => parameters ?? [])
      .filter((parameter) => parameter['x-rest-of-path'])
      .map(({ name }) => name),
  );
  let parameters = 0;
  const source = template
    .split(/(\{\w+\})/)
    .map((part) => {
      if (!part.startsWith('{')) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      parameters += 1;
      return rest.has(part.slice(1, -1)) ? '.+' : '[^/]+';
    })
    .join('');
  // As the server's router reads a path.
  return { template, operations, parameters, pattern: new RegExp(`^${source}/?$`, 'i') };
}

function schemaOf({ schema = {} }: MediaType): object {
  return schema;
}

function isJson(type: string): boolean {
  return /^application\/(.+\+)?json$/.test(type);
}

function codeIn(body: string): string {
  try {
    return String((JSON.parse(body) as { code?: unknown }).code);
  } catch {
    return 'none';
  }
}

function sentenceOf({ instancePath, message, params }: ErrorObject): string {
  return `${instancePath || 'the body'} ${message} ${JSON.stringify(params)}`;
}

function isMoment(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text) && !Number.isNaN(Date.parse(text));
}

/** The same schema with its references to where a validator has the others. */
function withLocalReferences<T extends object>(schema: T): T {
  const text = JSON.stringify(schema).replaceAll('"#/components/schemas/', '"#/$defs/');
  return JSON.parse(text) as T;
}

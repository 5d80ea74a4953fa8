import * as fc from 'fast-check';
import type { BadCase } from './bad-case.js';

/** The parts of an OpenAPI document that requests are made from. */
export interface Described {
  paths: Record<string, Record<string, DescribedOperation>>;
  components?: { schemas?: Record<string, Schema> };
}

interface DescribedOperation {
  parameters?: { name: string; in: string; schema?: Schema }[];
  requestBody?: { content: Record<string, { schema?: Schema }> };
}

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  items?: Schema;
  minimum?: number;
  maximum?: number;
}

/** One route with its method. */
export interface Operation {
  method: string;
  path: string;
  described: DescribedOperation;
}

/** Values that exist on the server, by the name of the parameter or field that may hold them. */
export type Known = Readonly<Record<string, readonly string[]>>;

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete'];

/** Every operation of a document. */
export function operationsOf({ paths }: Described): Operation[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, described]) => ({ method: method.toUpperCase(), path, described })),
  );
}

/** Texts that have broken servers before. */
const HOSTILE_TEXTS = [
  ...['', ' ', '.', '..', '../..', '/nowhere/x', '..\\..', '%2e%2e%2f', '%00', 'a\0b', '\ud800'],
  ...['__proto__', 'constructor', 'toString', 'null', 'undefined', 'NaN', '-1', '1e999', '0x10'],
  ...['\n', '\r\nX-Evil: 1', '\u202e', '\ufeff', '💥', '$(id)', '`id`', '${7*7}', "'--", '<b>'],
  ...['.git', '.git/config', 'AGENTS.md', 'a/../b', 'a//b', '*', '~', '-rf', 'x'.repeat(300)],
];

const hostileText = fc.oneof(
  fc.constantFrom(...HOSTILE_TEXTS),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 2000 }),
);

/** Anything that can stand in JSON, whatever was asked for. */
const anything: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom(null, true, false, 0, -1, 1.5, 2 ** 53, -(2 ** 31), 1e308, [], {}, [[]]),
  fc.jsonValue({ maxDepth: 3 }),
);

/** A request to an operation: mostly of the described form, with something wrong here and there. */
export function requestTo(
  operation: Operation,
  document: Described,
  known: Known,
): fc.Arbitrary<BadCase> {
  const { parameters = [], requestBody } = operation.described;
  const values = new Values(document, known);
  const [contentType, content] = Object.entries(requestBody?.content ?? {})[0] ?? [null, {}];
  const valuesOf = (place: string) =>
    fc.record(
      Object.fromEntries(
        parameters
          .filter((it) => it.in === place)
          .map(({ name, schema }) => [name, values.of(name, schema ?? {}).map(textOf)]),
      ),
      place === 'path' ? {} : { requiredKeys: [] },
    );
  return fc
    .record({
      path: valuesOf('path'),
      query: valuesOf('query'),
      headers: valuesOf('header'),
      extra: fc.option(fc.dictionary(fc.string({ maxLength: 8 }), hostileText, { maxKeys: 2 }), {
        freq: 8,
        nil: {},
      }),
      body: contentType === null ? fc.constant(null) : bodyOf(contentType, content.schema, values),
      sentAs: fc.oneof(
        { weight: 9, arbitrary: fc.constant(contentType) },
        { weight: 1, arbitrary: fc.constantFrom('text/plain', 'application/json', 'x') },
      ),
    })
    .map(({ path, query, headers, extra, body, sentAs }) => ({
      name: `${operation.method} ${operation.path}`,
      method: operation.method,
      path: pathOf(operation.path, path) + queryOf({ ...query, ...extra }),
      headers: [
        ...Object.entries(headers).map(([name, value]) => [name, headerText(value ?? '')] as const),
        ...(sentAs === null ? [] : [['Content-Type', sentAs] as const]),
      ],
      ...(body === null ? {} : { body }),
      status: 0,
      code: null,
    }));
}

/** Values of schemas. */
class Values {
  constructor(
    private readonly document: Described,
    private readonly known: Known,
  ) {}

  /** Of the described form four times of five. */
  of(name: string, schema: Schema, depth = 0): fc.Arbitrary<unknown> {
    const found = this.known[name] ?? [];
    return fc.oneof(
      { weight: 4, arbitrary: this.described(schema, depth) },
      ...(found.length > 0 ? [{ weight: 6, arbitrary: fc.constantFrom(...found) }] : []),
      { weight: 1, arbitrary: anything },
    );
  }

  private described(schema: Schema, depth: number): fc.Arbitrary<unknown> {
    if (depth > 6) return fc.constant(null);
    if (schema.$ref !== undefined) {
      const name = schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
      return this.described(this.document.components?.schemas?.[name] ?? {}, depth + 1);
    }
    if (schema.const !== undefined) return fc.constant(schema.const);
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
    if (choices !== undefined) {
      return fc.oneof(...choices.map((choice) => this.described(choice, depth + 1)));
    }
    const types = [schema.type ?? []].flat();
    if (types.length === 0) return anything;
    return fc.oneof(...types.map((type) => this.ofType(type, schema, depth)));
  }

  private ofType(type: string, schema: Schema, depth: number): fc.Arbitrary<unknown> {
    const { minimum = -10, maximum = 1000 } = schema;
    switch (type) {
      case 'object':
        return fc.record(
          Object.fromEntries(
            Object.entries(schema.properties ?? {}).map(([name, it]) => [
              name,
              this.of(name, it, depth + 1),
            ]),
          ),
          { requiredKeys: [] },
        );
      case 'array':
        return fc.array(this.of('', schema.items ?? {}, depth + 1), { maxLength: 4 });
      case 'integer':
        return fc.integer({ min: Math.ceil(minimum), max: Math.max(Math.ceil(minimum), maximum) });
      case 'number':
        return fc.double({ min: minimum, max: Math.max(minimum, maximum), noNaN: true });
      case 'boolean':
        return fc.boolean();
      case 'null':
        return fc.constant(null);
      default:
        return fc.oneof(fc.string({ maxLength: 30 }), hostileText);
    }
  }
}

function bodyOf(
  contentType: string,
  schema: Schema | undefined,
  values: Values,
): fc.Arbitrary<string | Buffer> {
  if (!contentType.includes('json')) {
    return fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes));
  }
  const text = values.of('', schema ?? {}).map((value) => JSON.stringify(value) ?? '');
  const broken = fc
    .tuple(text, fc.nat(), hostileText)
    .map(([whole, at, piece]) => whole.slice(0, at % (whole.length + 1)) + piece);
  return fc.oneof({ weight: 8, arbitrary: text }, { weight: 1, arbitrary: broken });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

type Texts = Readonly<Record<string, string | undefined>>;

/** Names and values in their places; a slash in a value may be one of the path, as in a file's name. */
function pathOf(path: string, values: Texts): string {
  return path.replace(/\{([^}]+)\}/g, (_, name: string) =>
    encoded(values[name] ?? '').replaceAll('%2F', '/'),
  );
}

function queryOf(values: Texts): string {
  const pairs = Object.entries(values).map(([name, it]) => `${encoded(name)}=${encoded(it ?? '')}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function encoded(text: string): string {
  return encodeURIComponent(text.replace(/\p{Cs}/gu, '\ufffd'));
}

/** What the HTTP parser lets through: the rest is the table's. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e\x80-\xff]/g, '?').trim();
}

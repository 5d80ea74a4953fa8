import type { Type } from '@nestjs/common';
import type { SchemaObject } from '@nestjs/swagger';
import { getMetadataStorage } from 'class-validator';

/** One rule of a field, as class-validator keeps it. */
interface Rule {
  readonly name?: string;
  /** It is of each part of a list. */
  readonly each?: boolean;
  readonly constraints?: unknown[];
  readonly message?: unknown;
}

const CLOSED = 'fermilink:closed-body';

/** Says of a body that a field which is not described is refused. */
export const ClosedBody = (): ClassDecorator => (type) =>
  Reflect.defineMetadata(CLOSED, true, type);

/**
 * The schema of a body: what its `@ApiProperty` decorators say, and the rules that class-validator holds it
 * to, which are stated nowhere twice. Where a field may be left out, null is as good as absent. Unknown fields
 * are ignored, where it is no `@ClosedBody`.
 */
export function bodySchema(type: Type, described: SchemaObject): SchemaObject {
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
  const properties: Record<string, SchemaObject> = {
    ...(described.properties as Record<string, SchemaObject> | undefined),
  };
  const required = new Set(described.required);
  for (const [name, ofField] of byField(rules)) {
    const isOptional = ofField.some((rule) => rule.name === 'isOptional');
    if (isOptional) required.delete(name);
    else required.add(name);
    const schema = ofField.filter(({ each }) => !each).reduce(withRule, {});
    const ofParts = ofField.filter(({ each }) => each).reduce(withRule, {});
    const said = wordsOf(ofField);
    const { description, ...rest } = properties[name] ?? {};
    if (rest.items !== undefined) rest.items = { ...rest.items, ...ofParts };
    const words = [description, said].filter(Boolean).join(' ');
    properties[name] = nullableIf(isOptional, {
      ...rest,
      ...schema,
      // A rule looks only at what is not null.
      ...(Array.isArray(rest.type) ? { type: rest.type } : {}),
      ...(words === '' ? {} : { description: words }),
    });
  }
  return {
    ...described,
    type: 'object',
    properties,
    required: [...required],
    additionalProperties: described.additionalProperties ?? !Reflect.hasMetadata(CLOSED, type),
  };
}

function byField(rules: readonly { propertyName: string }[]): Map<string, Rule[]> {
  const fields = new Map<string, Rule[]>();
  for (const rule of rules) {
    const ofField = fields.get(rule.propertyName) ?? [];
    // The decorators of a field run from the last to the first.
    ofField.unshift(rule as unknown as Rule);
    fields.set(rule.propertyName, ofField);
  }
  return fields;
}

function withRule(schema: SchemaObject, rule: Rule): SchemaObject {
  const [first] = rule.constraints ?? [];
  switch (rule.name) {
    case 'isString':
      return { ...schema, type: 'string' };
    case 'isBoolean':
      return { ...schema, type: 'boolean' };
    case 'isInt':
      return { ...schema, type: 'integer' };
    case 'isNumber':
      return { ...schema, type: 'number' };
    case 'isObject':
      return { ...schema, type: 'object' };
    case 'isArray':
      return { ...schema, type: 'array' };
    case 'minLength':
      return { ...schema, minLength: first as number };
    case 'maxLength':
      return { ...schema, maxLength: first as number };
    case 'min':
      return { ...schema, minimum: first as number };
    case 'max':
      return { ...schema, maximum: first as number };
    case 'arrayMaxSize':
      return { ...schema, maxItems: first as number };
    case 'matches':
      return { ...schema, pattern: (first as RegExp).source };
    case 'isIn':
      return { ...schema, type: 'string', enum: [...(first as readonly unknown[])] };
    default:
      return schema;
  }
}

/** The rules that no keyword of a schema can say. */
function wordsOf(rules: readonly Rule[]): string {
  const sentences = rules
    .filter(({ name, message }) => name === message && typeof message === 'string')
    .map(({ message }) => `It ${String(message)}.`);
  return sentences.join(' ');
}

function nullableIf(isOptional: boolean, schema: SchemaObject): SchemaObject {
  if (!isOptional || schema.type === undefined) return schema;
  return {
    ...schema,
    type: [schema.type, 'null'].flat(),
    ...(schema.enum === undefined ? {} : { enum: [...(schema.enum as unknown[]), null] }),
  };
}

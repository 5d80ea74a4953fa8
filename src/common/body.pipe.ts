import type { PipeTransform } from '@nestjs/common';
import { getMetadataStorage, validateSync, type ValidationError } from 'class-validator';
import { type FieldError, RunnerError } from './errors.js';
import { invalidRequest } from './invalid-request.js';
import { isJsonObject } from './json.js';

/**
 * Makes an instance of a class of a body, and holds it against the rules that the class states with the
 * decorators of class-validator. Members that have no rule are ignored, and null counts as absent.
 */
export class BodyPipe<T extends object> implements PipeTransform<unknown, T> {
  private readonly members: readonly string[];

  constructor(private readonly type: new () => T) {
    const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
    this.members = [...new Set(rules.map(({ propertyName }) => propertyName))];
  }

  /** @throws {RunnerError} `invalid_request` with every bad field */
  transform(body: unknown): T {
    const given = objectIn(body);
    const value = new this.type();
    for (const name of this.members) Object.assign(value, { [name]: memberOf(given, name) });
    const errors = faultsOf(value);
    if (errors.length > 0) throw invalidRequest(errors);
    return value;
  }
}

/** The JSON object in a body. @throws {RunnerError} `invalid_request` for anything else */
export function objectIn(body: unknown): Record<string, unknown> {
  if (isJsonObject(body)) return body;
  throw new RunnerError(
    'invalid_request',
    'The body must be a JSON object, sent with Content-Type: application/json.',
    { errors: [{ field: 'body', message: 'must be a JSON object' }] },
  );
}

/** A member of a body itself, never one that it inherits; undefined for null. */
export function memberOf(body: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(body, name) ? (body[name] ?? undefined) : undefined;
}

/** The fields of an instance that break a rule of its class. */
export function faultsOf(value: object): FieldError[] {
  return validateSync(value).map(fieldError);
}

function fieldError(error: ValidationError): FieldError {
  // The decorators run from the last to the first; the first one states the most basic rule.
  const messages = Object.values(error.constraints ?? {});
  return { field: error.property, message: messages.at(-1) ?? 'is not valid' };
}

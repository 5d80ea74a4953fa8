import { Injectable, type PipeTransform } from '@nestjs/common';
import { validateSync, type ValidationError } from 'class-validator';
import { RunnerError } from '../common/errors.js';
import { RunMetrics } from './run-metrics.js';
import { MAX_PROMPT_CHARACTERS, RunRequest } from './run-request.js';

/** Fields that count as absent when they hold nothing but blanks. */
const BLANK_IS_ABSENT = ['user_id', 'package_id', 'sandbox', 'provider'] as const;

/** Makes a `RunRequest` of a body; unknown fields are ignored. */
@Injectable()
export class RunRequestPipe implements PipeTransform<unknown, RunRequest> {
  constructor(private readonly metrics: RunMetrics) {}

  /** @throws {RunnerError} `invalid_request` with every bad field, or `prompt_too_long` */
  transform(body: unknown): RunRequest {
    try {
      return validRequest(body);
    } catch (error) {
      this.metrics.noteRefusal(error);
      throw error;
    }
  }
}

function validRequest(body: unknown): RunRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new RunnerError(
      'invalid_request',
      'The body must be a JSON object, sent with Content-Type: application/json.',
      { errors: [{ field: 'body', message: 'must be a JSON object' }] },
    );
  }
  const request = pick(body as Record<string, unknown>);
  const errors = validateSync(request).map(fieldError);
  if (errors.length > 0) {
    const sentence = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
    throw new RunnerError('invalid_request', `The request is not valid: ${sentence}.`, {
      errors,
    });
  }
  if (codePoints(request.user_prompt) > MAX_PROMPT_CHARACTERS) {
    throw new RunnerError('prompt_too_long', 'Prompt too long.');
  }
  return request;
}

function pick(body: Record<string, unknown>): RunRequest {
  const own = (name: keyof RunRequest) => (Object.hasOwn(body, name) ? body[name] : undefined);
  const values: Record<string, unknown> = { user_prompt: own('user_prompt') };
  values.session_id = own('session_id') === '' ? undefined : (own('session_id') ?? undefined);
  for (const name of BLANK_IS_ABSENT) {
    const value = own(name) ?? undefined;
    values[name] = typeof value === 'string' && value.trim() === '' ? undefined : value;
  }
  return Object.assign(new RunRequest(), values);
}

function fieldError(error: ValidationError): { field: string; message: string } {
  // The decorators run from the last to the first; the first one states the most basic rule.
  const messages = Object.values(error.constraints ?? {});
  return { field: error.property, message: messages.at(-1) ?? 'is not valid' };
}

function codePoints(text: string): number {
  // The text has no lone surrogates, so every pair is one code point.
  return text.length - (text.match(/[\ud800-\udbff]/g)?.length ?? 0);
}

import { Injectable, type PipeTransform } from '@nestjs/common';
import { faultsOf, memberOf, objectIn } from '../common/body.pipe.js';
import { RunnerError } from '../common/errors.js';
import { invalidRequest } from '../common/invalid-request.js';
import { RunnerConfig } from '../config/runner-config.js';
import { MAX_PROMPT_CHARACTERS, RunRequest } from './run-request.js';

/** Fields that count as absent when they hold nothing but blanks. */
const BLANK_IS_ABSENT = ['user_id', 'package_id', 'sandbox', 'provider'] as const;
/** Fields that count as absent when they are null, and are not looked at otherwise. */
const NULL_IS_ABSENT = [
  'on_disconnect',
  'on_busy',
  'max_runtime_seconds',
  'metadata',
  'view',
  'continue_conversation',
] as const;

/** Makes a `RunRequest` of a body; unknown fields are ignored. */
@Injectable()
export class RunRequestPipe implements PipeTransform<unknown, RunRequest> {
  constructor(private readonly config: RunnerConfig) {}

  /** @throws {RunnerError} `invalid_request` with every bad field, or `prompt_too_long` */
  transform(body: unknown): RunRequest {
    const request = pick(objectIn(body));
    const errors = faultsOf(request);
    const limit = this.config.maxRuntimeSeconds;
    if ((request.max_runtime_seconds ?? 0) > limit) {
      errors.push({ field: 'max_runtime_seconds', message: `must be at most ${limit}` });
    }
    if (errors.length > 0) throw invalidRequest(errors);
    if (codePoints(request.user_prompt) > MAX_PROMPT_CHARACTERS) {
      throw new RunnerError('prompt_too_long', 'Prompt too long.');
    }
    return request;
  }
}

function pick(body: Record<string, unknown>): RunRequest {
  const own = (name: keyof RunRequest) => memberOf(body, name);
  const values: Record<string, unknown> = {
    user_prompt: Object.hasOwn(body, 'user_prompt') ? body.user_prompt : undefined,
    session_id: own('session_id') === '' ? undefined : own('session_id'),
  };
  for (const name of BLANK_IS_ABSENT) {
    const value = own(name);
    values[name] = typeof value === 'string' && value.trim() === '' ? undefined : value;
  }
  for (const name of NULL_IS_ABSENT) values[name] = own(name);
  return Object.assign(new RunRequest(), values);
}

function codePoints(text: string): number {
  // The text has no lone surrogates, so every pair is one code point.
  return text.length - (text.match(/[\ud800-\udbff]/g)?.length ?? 0);
}

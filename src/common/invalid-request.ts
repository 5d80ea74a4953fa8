import { type FieldError, RunnerError } from './errors.js';

/** A request with bad fields: each is named in the sentence and in `errors`. */
export function invalidRequest(errors: FieldError[]): RunnerError {
  const sentence = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
  return new RunnerError('invalid_request', `The request is not valid: ${sentence}.`, { errors });
}

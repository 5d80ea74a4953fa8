import type { RunnerError } from './errors.js';

/** Is told of every problem that is answered, once for each answer; for counts. */
export interface ProblemListener {
  /** @param request its path is without the query */
  problemAnswered(error: RunnerError, request: { method: string; path: string }): void;
}

/** Token of the listener, which a server need not have. */
export const PROBLEM_LISTENER = Symbol('ProblemListener');

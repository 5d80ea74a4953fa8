import { objectIn } from '../common/body.pipe.js';
import { shortened } from '../common/cut-text.js';
import type { FieldError } from '../common/errors.js';
import { invalidRequest } from '../common/invalid-request.js';
import { faultsOf, POLICY_MEMBERS, type StoredPolicy, storedPolicyIn } from '../provider/policy.js';

/** Members that the server sets; a client may send back what it was given. */
const OWN_MEMBERS: readonly string[] = ['version', 'updated_at'];

/** How many members that are none an answer names. */
const MAX_NAMED = 20;

/**
 * Reads the body of `PUT /policy`. Every member has to be there: one that is left out by mistake would
 * fall back to its default, and might allow what the administrator had forbidden.
 * @throws {RunnerError} `invalid_request` with every fault
 */
export function policyInBody(body: unknown): StoredPolicy {
  const given = objectIn(body);
  const known: readonly string[] = [...POLICY_MEMBERS, ...OWN_MEMBERS];
  const errors: FieldError[] = [
    ...Object.keys(given)
      .filter((name) => !known.includes(name))
      .slice(0, MAX_NAMED)
      .map((name) => ({ field: shown(name), message: 'is no member of the policy' })),
    ...POLICY_MEMBERS.filter((name) => !Object.hasOwn(given, name)).map((name) => ({
      field: name,
      message: 'must be there; null leaves it to its default',
    })),
    ...faultsOf(given).map(({ field, rule }) => ({ field: field ?? 'body', message: rule })),
  ];
  if (errors.length > 0) throw invalidRequest(errors);
  return storedPolicyIn(given);
}

/** A name that somebody else has chosen, for a sentence. */
function shown(name: string): string {
  return shortened(name.replace(/[^\x21-\x7e]/gu, '?'), 64);
}

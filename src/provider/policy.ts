import { isJsonObject } from '../common/json.js';
import {
  MODEL_NAME,
  MODEL_NAME_RULE,
  REASONING_EFFORTS,
  type ReasoningEffort,
  SANDBOX_MODES,
  SANDBOX_POLICIES,
  type SandboxMode,
  type SandboxPolicy,
} from '../config/environment.js';
import type { PolicyOverrides } from '../config/runner-config.js';

/** What the administrator has decided for all runs. */
export interface Policy {
  /** A provider's id; it may be one that this runner has no adapter for. */
  provider: string;
  sandboxPolicy: SandboxPolicy;
  sandboxMode: SandboxMode;
  model: string | null;
  reasoningEffort: ReasoningEffort | null;
}

/** What holds for one run; under the policy `bypass` there is no sandbox mode at all. */
export interface RunPolicy extends Omit<Policy, 'sandboxMode'> {
  sandboxMode: SandboxMode | null;
}

const DEFAULTS: Policy = {
  provider: 'codex',
  sandboxPolicy: 'enforce',
  sandboxMode: 'workspace-write',
  model: null,
  reasoningEffort: null,
};

/** A member of `agent_runtime.json` breaks its rule; the message says which and how. */
export class PolicyFault extends Error {}

/**
 * Makes the policy of a parsed `agent_runtime.json` (contract, section 2).
 * @throws {PolicyFault}
 */
export function policyOf(document: unknown): Policy {
  if (!isJsonObject(document)) throw new PolicyFault('it is not a JSON object');
  const given = document;
  if (given.version !== undefined && given.version !== 1) {
    throw new PolicyFault('"version" must be 1');
  }
  const provider = word(given, 'provider') ?? DEFAULTS.provider;
  if (!/^[a-z][a-z0-9_-]*$/.test(provider)) {
    throw new PolicyFault('"provider" must be the id of a provider');
  }
  return {
    provider,
    sandboxPolicy: oneOf(given, 'sandbox_policy', SANDBOX_POLICIES) ?? DEFAULTS.sandboxPolicy,
    sandboxMode: oneOf(given, 'sandbox_mode', SANDBOX_MODES) ?? DEFAULTS.sandboxMode,
    model: modelOf(given),
    reasoningEffort: oneOf(given, 'reasoning_effort', REASONING_EFFORTS),
  };
}

/** The policy where there is no file. */
export function defaultPolicy(): Policy {
  return { ...DEFAULTS };
}

/** What the environment fixes wins over the file. */
export function withOverrides(policy: Policy, overrides: PolicyOverrides): Policy {
  return {
    provider: overrides.provider ?? policy.provider,
    sandboxPolicy: overrides.sandboxPolicy ?? policy.sandboxPolicy,
    sandboxMode: overrides.sandboxMode ?? policy.sandboxMode,
    model: overrides.model ?? policy.model,
    reasoningEffort: overrides.reasoningEffort ?? policy.reasoningEffort,
  };
}

/** Applies what a request asks for: it may narrow the sandbox and nothing else (contract, section 6). */
export function runPolicy(policy: Policy, requestedSandbox: string | null): RunPolicy {
  if (policy.sandboxPolicy === 'bypass') return { ...policy, sandboxMode: null };
  const narrowed = requestedSandbox?.trim().toLowerCase() === 'read-only';
  return { ...policy, sandboxMode: narrowed ? 'read-only' : policy.sandboxMode };
}

/** A member as text, trimmed; null if it is absent, null or blank. */
function text(given: Record<string, unknown>, name: string): string | null {
  const value = given[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw new PolicyFault(`"${name}" must be a string`);
  return value.trim() === '' ? null : value.trim();
}

function word(given: Record<string, unknown>, name: string): string | null {
  return text(given, name)?.toLowerCase() ?? null;
}

function oneOf<T extends string>(
  given: Record<string, unknown>,
  name: string,
  values: readonly T[],
): T | null {
  const value = word(given, name);
  if (value === null) return null;
  const known = values.find((it) => it === value);
  if (known === undefined) throw new PolicyFault(`"${name}" must be one of: ${values.join(', ')}`);
  return known;
}

function modelOf(given: Record<string, unknown>): string | null {
  const model = text(given, 'model');
  if (model !== null && !MODEL_NAME.test(model)) {
    throw new PolicyFault(`"model" ${MODEL_NAME_RULE}`);
  }
  return model;
}

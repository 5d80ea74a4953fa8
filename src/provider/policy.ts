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
export class PolicyFault extends Error {
  /** @param field the member; null for the whole */
  constructor(
    readonly field: string | null,
    readonly rule: string,
  ) {
    super(field === null ? rule : `"${field}" ${rule}`);
  }
}

/** What `agent_runtime.json` says, by the names that it has there; null leaves one to its default. */
export interface StoredPolicy {
  provider: string | null;
  sandbox_policy: SandboxPolicy | null;
  sandbox_mode: SandboxMode | null;
  model: string | null;
  reasoning_effort: ReasoningEffort | null;
}

type Members = Record<string, unknown>;

const READERS: { readonly [K in keyof StoredPolicy]: (given: Members) => StoredPolicy[K] } = {
  provider: providerOf,
  sandbox_policy: (given) => oneOf(given, 'sandbox_policy', SANDBOX_POLICIES),
  sandbox_mode: (given) => oneOf(given, 'sandbox_mode', SANDBOX_MODES),
  model: modelOf,
  reasoning_effort: (given) => oneOf(given, 'reasoning_effort', REASONING_EFFORTS),
};

/** The members of `agent_runtime.json` that an administrator decides. */
export const POLICY_MEMBERS = Object.keys(READERS) as (keyof StoredPolicy)[];

/** What is wrong with members of `agent_runtime.json`; none if they can be read. */
export function faultsOf(given: Members): PolicyFault[] {
  return [requireVersion, ...Object.values(READERS)].flatMap((read) => {
    try {
      read(given);
      return [];
    } catch (error) {
      if (error instanceof PolicyFault) return [error];
      throw error;
    }
  });
}

/**
 * Reads a parsed `agent_runtime.json` (contract, section 2).
 * @throws {PolicyFault}
 */
export function storedPolicyIn(document: unknown): StoredPolicy {
  if (!isJsonObject(document)) throw new PolicyFault(null, 'it is not a JSON object');
  requireVersion(document);
  const members = POLICY_MEMBERS.map((name) => [name, READERS[name](document)] as const);
  return Object.fromEntries(members) as unknown as StoredPolicy;
}

/** The policy of what is stored, with the defaults for what is not. */
export function withDefaults(stored: StoredPolicy): Policy {
  return {
    provider: stored.provider ?? DEFAULTS.provider,
    sandboxPolicy: stored.sandbox_policy ?? DEFAULTS.sandboxPolicy,
    sandboxMode: stored.sandbox_mode ?? DEFAULTS.sandboxMode,
    model: stored.model,
    reasoningEffort: stored.reasoning_effort,
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

function requireVersion({ version }: Members): void {
  if (version !== undefined && version !== 1) throw new PolicyFault('version', 'must be 1');
}

/** A member as text, trimmed; null if it is absent, null or blank. */
function text(given: Members, name: string): string | null {
  const value = given[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw new PolicyFault(name, 'must be a string');
  return value.trim() === '' ? null : value.trim();
}

function word(given: Members, name: string): string | null {
  return text(given, name)?.toLowerCase() ?? null;
}

function oneOf<T extends string>(given: Members, name: string, values: readonly T[]): T | null {
  const value = word(given, name);
  if (value === null) return null;
  const known = values.find((it) => it === value);
  if (known === undefined) throw new PolicyFault(name, `must be one of: ${values.join(', ')}`);
  return known;
}

function providerOf(given: Members): string | null {
  const provider = word(given, 'provider');
  if (provider !== null && !/^[a-z][a-z0-9_-]*$/.test(provider)) {
    throw new PolicyFault('provider', 'must be the id of a provider');
  }
  return provider;
}

function modelOf(given: Members): string | null {
  const model = text(given, 'model');
  if (model !== null && !MODEL_NAME.test(model)) {
    throw new PolicyFault('model', MODEL_NAME_RULE);
  }
  return model;
}

import type { RunPolicy, StoredPolicy } from '../provider/policy.js';

/** The policy of a run, by the names of `agent_runtime.json`; `sandbox_mode` is null under `bypass`. */
export interface EffectivePolicy extends Omit<StoredPolicy, 'provider' | 'sandbox_policy'> {
  provider: string;
  sandbox_policy: string;
}

/** What `GET /policy` and `PUT /policy` answer. */
export class PolicyAnswer {
  /** What `agent_runtime.json` says; null where there is no such file, or it is not valid. */
  stored!: StoredPolicy | null;
  /** What a run gets that asks for nothing; null where no run can be started. */
  effective!: EffectivePolicy | null;
  /** Members that the environment of the server decides, whatever is stored. */
  overridden_by_environment!: string[];
  /** When the file was written, as it says itself. */
  updated_at!: string | null;
  /** What is wrong with the file, in which case the last valid policy holds; null if nothing is. */
  problem!: string | null;
}

/** A policy by the names of `agent_runtime.json`. */
export function effectiveBody(policy: RunPolicy): EffectivePolicy {
  return {
    provider: policy.provider,
    sandbox_policy: policy.sandboxPolicy,
    sandbox_mode: policy.sandboxMode,
    model: policy.model,
    reasoning_effort: policy.reasoningEffort,
  };
}

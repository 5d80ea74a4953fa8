import type { PolicyBody, StoredPolicy } from './wire-resources.js';
import type { Transport } from './transport.js';

/** The policy of runs: `agent_runtime.json` on the server. */
export class PolicyClient {
  constructor(private readonly transport: Transport) {}

  /** Needs the scope `ops:read`. */
  get({ signal }: { signal?: AbortSignal } = {}): Promise<PolicyBody> {
    return this.transport.json('GET', '/policy', { signal });
  }

  /** Replaces all of it; needs the scope `policy:write`. @throws {RunnerProblem} `invalid_request` */
  put(policy: StoredPolicy, { signal }: { signal?: AbortSignal } = {}): Promise<PolicyBody> {
    return this.transport.json('PUT', '/policy', { json: policy, signal });
  }
}

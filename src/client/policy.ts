import type { PolicyBody, StoredPolicy } from './wire-resources.js';
import type { Outgoing, Transport } from './transport.js';

/** The policy of runs, and its state, by which a change can be tied to what was read. */
export interface PolicyState {
  policy: PolicyBody;
  etag: string | null;
}

/** The policy of runs: `agent_runtime.json` on the server. */
export class PolicyClient {
  constructor(private readonly transport: Transport) {}

  /** Needs the scope `ops:read`. */
  async get({ signal }: { signal?: AbortSignal } = {}): Promise<PolicyState> {
    return this.state(await this.transport.send('GET', '/policy', { signal }), { signal });
  }

  /**
   * Replaces all of it; needs the scope `policy:write`.
   * @param ifMatch the `etag` that it must still have
   * @throws {RunnerProblem} `invalid_request`, `precondition_failed`
   */
  async put(
    policy: StoredPolicy,
    { ifMatch, signal }: { ifMatch?: string; signal?: AbortSignal } = {},
  ): Promise<PolicyState> {
    const headers: Record<string, string> = ifMatch === undefined ? {} : { 'if-match': ifMatch };
    const outgoing = { json: policy, headers, signal };
    return this.state(await this.transport.send('PUT', '/policy', outgoing), outgoing);
  }

  private async state(response: Response, of: Outgoing): Promise<PolicyState> {
    const etag = response.headers.get('etag');
    return { policy: await this.transport.bodyOf<PolicyBody>(response, of), etag };
  }
}

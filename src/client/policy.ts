import { RunnerProtocolError } from './errors.js';
import type { PolicyBody, StoredPolicy } from './wire-resources.js';
import type { Transport } from './transport.js';

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
    return stateIn(await this.transport.send('GET', '/policy', { signal }));
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
    return stateIn(await this.transport.send('PUT', '/policy', outgoing));
  }
}

async function stateIn(response: Response): Promise<PolicyState> {
  const etag = response.headers.get('etag');
  try {
    return { policy: (await response.json()) as PolicyBody, etag };
  } catch (error) {
    throw new RunnerProtocolError('What answers is no runner: its policy is not JSON.', error);
  }
}

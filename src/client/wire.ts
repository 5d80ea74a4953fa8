/**
 * What goes over the wire, in the names that it has there. Kept apart from the server's own types, so that
 * who installs the client gets no server; `wire.spec.ts` holds the two against each other.
 */

export type View = 'raw' | 'activity';

export type EndReason = 'completed' | 'timeout' | 'cancelled' | 'failed' | 'lost' | 'output_limit';
export type RunState = 'queued' | 'preparing' | 'running' | EndReason;
export type Outcome = 'succeeded' | 'failed' | 'unknown';

/** The body of a new run. */
export interface RunRequest {
  /** 1 to 10,000 characters. */
  user_prompt: string;
  session_id?: string | null;
  user_id?: string | null;
  package_id?: string | null;
  /** `read-only` narrows what the administrator allows. */
  sandbox?: string | null;
  /** What becomes of the run when its last follower has gone. */
  on_disconnect?: 'cancel' | 'continue' | null;
  /** What happens if the session has a run that has not ended. */
  on_busy?: 'queue' | 'reject' | 'interrupt' | null;
  /** The session's last conversation with the provider is to go on. */
  continue_conversation?: boolean | null;
  max_runtime_seconds?: number | null;
  /** Given back with the run; at most 4 KiB. */
  metadata?: Record<string, unknown> | null;
}

/** What `POST /runs` answers. */
export interface RunReference {
  run_id: string;
  session_id: string;
  state: RunState;
}

export interface AgentFacts {
  provider: string;
  sandbox_policy: string;
  sandbox_mode: string | null;
  model: string | null;
  reasoning_effort: string | null;
  /** Whether the session's last conversation goes on; only where that was asked for. */
  resumed?: boolean;
}

/** What of a package is linked into the session. */
export interface PackageSummary {
  package_id: string;
  package_path: string;
  linked_count: number;
  collision_count: number;
  collisions: string[];
  requested_entries: string[];
  missing_requested_entries: string[];
  dependency_package_ids: string[];
  linked_dependency_count: number;
  linked_dependency_packages: { package_id: string; mode: 'symlink' | 'copy'; source: string }[];
  missing_dependency_packages: string[];
  dependency_collision_count: number;
  dependency_collisions: string[];
}

/** What the agent made of its run; all null before the end. */
export interface RunResult {
  outcome: Outcome | null;
  error: { code: string; message: string } | null;
  /** The agent's last message, at most 64 KiB; not in lists. */
  result_text?: string | null;
  usage: {
    input_tokens: number | null;
    cached_tokens: number | null;
    output_tokens: number | null;
    cost_usd: number | null;
    turns: number | null;
    tool_calls: number;
  } | null;
}

/** What is known of a run. */
export interface RunBody extends RunReference, RunResult {
  user_id: string | null;
  reason: string | null;
  code: string | null;
  detail: string | null;
  return_code: number | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  agent: AgentFacts | null;
  package: PackageSummary | null;
  metadata: Record<string, unknown> | null;
  last_event_id: number;
  /** As `runner.exit` has it; not in lists. */
  files?: RunFiles | null;
  /** Only while it waits. */
  position?: number;
  pending_total?: number;
  /** Only where it is asked for. */
  prompt?: string;
}

/** Which runs a list holds. */
export interface RunFilter {
  user_id?: string;
  session_id?: string;
  state?: RunState;
}

/** What a run has changed: at most 200 paths of all three together. */
export interface RunFiles {
  created: string[];
  modified: string[];
  deleted: string[];
  /** How many there are of each. */
  total: { created: number; modified: number; deleted: number };
}

/** The data of `runner.exit`. */
export interface RunExit extends RunResult {
  run_id: string;
  session_id: string;
  reason: EndReason;
  /** Negative for a signal; null if no agent ran. */
  return_code: number | null;
  code: string | null;
  detail: string | null;
  /** Part of its process tree had to be killed. */
  killed: boolean;
  /** Processes that could not be ended. */
  survivors: number;
  /** Null where it would have taken too long to look; absent of a server that does not. */
  files?: RunFiles | null;
}

/** What `GET /ops/admission` says. */
export interface AdmissionBody {
  user_key: string;
  can_run_now: boolean;
  per_user_active: number;
  per_user_pending: number;
  active_total: number;
  pending_total: number;
  global_limit: number;
  per_user_limit: number;
  timestamp_utc: string;
}

/** What is known of a session. */
export interface SessionBody {
  session_id: string;
  /** Null where it belongs to no user. */
  user_id: string | null;
  created_at: string;
  /** It has a run that has not ended. */
  is_busy: boolean;
}

/** One entry of a folder of a session. */
export interface FileEntry {
  name: string;
  /** From the session's folder on. */
  path: string;
  type: 'file' | 'folder' | 'link' | 'other';
  /** Bytes of a file; null for anything else. */
  size: number | null;
  modified_at: string;
  /** Where a link points. */
  target: string | null;
  /** The link of a package, behind which its files can be read. */
  is_package_link: boolean;
  /** False for a name that no path can lead to. */
  addressable: boolean;
}

/** What a run has left of a session. */
export interface CommitBody {
  commit: string;
  parent: string | null;
  committed_at: string;
  run_id: string | null;
  user_id: string | null;
  /** The first line of the prompt. */
  title: string;
}

/** How a session differs between two commits. */
export interface DifferenceBody {
  /** Null where that is the template, or nothing. */
  from: string | null;
  /** Null for what is there now. */
  to: string | null;
  /** In git's form. */
  diff: string;
  /** There was more of it. */
  truncated: boolean;
}

/** A scientific package. */
export interface PackageBody {
  id: string;
  title: string;
  active: boolean;
  installed_path: string | null;
  source: string | null;
  status: string | null;
  installed_at: string | null;
  updated_at: string | null;
  /** The top-level names that go into a session; null stands for all that may. */
  overlay_entries: string[] | null;
  dependency_package_ids: string[];
  /** Of one that was uploaded. */
  content_hash: string | null;
  size_bytes: number | null;
  entry_count: number | null;
}

export interface PackageList {
  active_package: string | null;
  packages: PackageBody[];
}

export interface PackageDeletion {
  id: string;
  files_removed: boolean;
  /** Why its files were not removed. */
  reason: string | null;
  active_package: string | null;
}

export type SandboxMode = 'read-only' | 'workspace-write';
export type ReasoningEffort = 'low' | 'medium' | 'high' | 'xhigh';

/** `agent_runtime.json`, by the names that it has there; null leaves a member to its default. */
export interface StoredPolicy {
  provider: string | null;
  sandbox_policy: 'enforce' | 'bypass' | null;
  sandbox_mode: SandboxMode | null;
  model: string | null;
  reasoning_effort: ReasoningEffort | null;
}

/** The policy of a run that asks for nothing. */
export interface EffectivePolicy extends StoredPolicy {
  provider: string;
  sandbox_policy: 'enforce' | 'bypass';
}

export interface PolicyBody {
  stored: StoredPolicy | null;
  /** What a run gets that asks for nothing; null where none can be started. */
  effective: EffectivePolicy | null;
  /** Members that the environment of the server decides, whatever is stored. */
  overridden_by_environment: string[];
  updated_at: string | null;
  /** What is wrong with the file; null if nothing is. */
  problem: string | null;
}

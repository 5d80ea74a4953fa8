import type { ProviderId, ReasoningEffort, SandboxMode, SandboxPolicy } from './environment.js';
import type { IdentitySettings } from './identity-settings.js';
import type { PackageSettings } from './package-settings.js';
import type { FileSettings } from './file-settings.js';
import type { ProviderDefinition } from './provider-definition.js';
import type { SessionLimits } from './session-limits.js';
import type { WebhookSettings } from './webhook-settings.js';

/** The policy settings that the environment fixes; null leaves one to `agent_runtime.json`. */
export interface PolicyOverrides {
  readonly provider: string | null;
  readonly sandboxPolicy: SandboxPolicy | null;
  readonly sandboxMode: SandboxMode | null;
  readonly model: string | null;
  readonly reasoningEffort: ReasoningEffort | null;
}

/** What is configured for codex alone (contract, section 2). */
export interface CodexSettings {
  /** It uses the login that is stored in its home: no API key is handed on. */
  readonly storedLogin: boolean;
  /** Keys for the agent, by the name that codex knows; used where that name itself is not set. */
  readonly keys: Readonly<Record<'CODEX_API_KEY' | 'OPENAI_API_KEY', string | null>>;
  /** Where its home may be; the first that can be made is used. */
  readonly homes: readonly string[];
}

/** What is configured for all agents. */
export interface AgentSettings {
  /** Whether each session has a home of its own, or all use the administrator's. */
  readonly home: 'session' | 'shared';
  /** Whether CLIs may tell their makers how they are used. */
  readonly telemetry: boolean;
  /** Whether CLIs may look for news: of themselves, and in their catalogues of additions. */
  readonly updateChecks: boolean;
  /** How often a CLI tries a failed request to its model again; null leaves it to the CLI. */
  readonly retries: number | null;
}

/** Where the administrator's own settings and logins of the CLIs are, those of codex apart. */
export interface AgentBases {
  readonly claude: {
    /** Its `.claude`. */
    readonly folder: string;
    /** Its `.claude.json`, which lies beside that folder or in it. */
    readonly stateFile: string;
    /** The folder, if somebody has chosen it. */
    readonly chosen: string | null;
  };
  /** The folder that has `.gemini` in it. */
  readonly gemini: { readonly folder: string; readonly chosen: string | null };
  /** The folders of the XDG rules. */
  readonly opencode: Readonly<Record<XdgVariable, string>>;
}

export type XdgVariable = 'XDG_CONFIG_HOME' | 'XDG_DATA_HOME' | 'XDG_STATE_HOME' | 'XDG_CACHE_HOME';

/** The settings of one server, read once before it is made. All paths are absolute. */
export class RunnerConfig {
  /** Address and port to listen on; port 0 lets the system choose. */
  readonly host!: string;
  readonly port!: number;

  /** `FERMILINK_HOME`. */
  readonly home!: string;
  /** One folder a session. */
  readonly workspacesRoot!: string;
  /** Registry and managed storage of the scientific packages. */
  readonly scientificPackagesRoot!: string;
  /** What changes packages over HTTP. */
  readonly packages!: PackageSettings;
  /** State of the server itself: logs of runs, temporary folders. Never inside a workspace. */
  readonly runtimeRoot!: string;
  /** `agent_runtime.json`, which is read anew for every run. */
  readonly policyFile!: string;

  /** Package for a run that nothing else decides, before the registry's active one. */
  readonly activePackageId!: string | null;
  /** Folder that is registered as a package at each run if it exists. */
  readonly maxwellLinkRoot!: string;
  readonly legacyMaxwellLinkPackageId!: string;

  /** Folder that a new session's `repo/` is copied from. */
  readonly templateRoot!: string;
  /** The template that ships with the project; its `AGENTS.md` serves where the other has none. */
  readonly ownTemplateRoot!: string;

  /** Seconds a run may take from the spawn of its agent. */
  readonly maxRuntimeSeconds!: number;
  /** Seconds that preparing a run may take. */
  readonly prepareTimeoutSeconds!: number;
  readonly globalConcurrentRuns!: number;
  readonly perUserConcurrentRuns!: number;
  /** Runs that may wait; null means any number. */
  readonly maxQueueSize!: number | null;
  /** Runs of one user that may wait; null means any number. */
  readonly maxPendingPerUser!: number | null;
  /** Bytes of an agent's output that may wait in memory before they are written; 256 KiB is the most that is used. */
  readonly streamLimitBytes!: number;
  /** Bytes after which a line is cut. */
  readonly maxLineBytes!: number;
  /** Bytes that an agent may write in one run, on both pipes together. */
  readonly maxOutputBytes!: number;
  /** Seconds of silence after which a run counts as stalled; null means never. */
  readonly stallSeconds!: number | null;
  /** Seconds that a run may wait for its slot; null means for ever. */
  readonly maxQueueWaitSeconds!: number | null;
  /** Seconds after which a connection that accepts nothing is closed. */
  readonly followerTimeoutSeconds!: number;
  /** Seconds a run outlives its last follower; null leaves it to the request (contract, section 9). */
  readonly disconnectGraceSeconds!: number | null;
  /** Seconds between not being ready and refusing new runs, once the server is asked to stop. */
  readonly drainDelaySeconds!: number;
  /** Seconds that live runs then still have. */
  readonly drainSeconds!: number;
  /** Seconds to wait for another server that still holds the roots. */
  readonly lockWaitSeconds!: number;
  /** Hours that a run is kept after its end. */
  readonly retainRunsHours!: number;
  /** Bytes that the events of ended runs may take. */
  readonly retainBytes!: number;
  /** Whether what an agent left running when it ended by itself is ended too. */
  readonly background!: 'end' | 'keep';

  /** Whether secrets are replaced in what agents and the server itself say. */
  readonly redact!: boolean;
  /** Every secret in the server's environment, those that are given as files among them. */
  readonly secrets!: readonly string[];

  /** Whether the API document and the page to try it are served. */
  readonly docs!: boolean;
  readonly metricsToken!: string | null;
  readonly identity!: IdentitySettings;
  /** The origins whose pages may call this server from a browser. */
  readonly corsOrigins: readonly string[] = [];

  readonly files!: FileSettings;
  readonly sessions!: SessionLimits;
  /** Where the end of each run is told; null if nowhere. */
  readonly webhook!: WebhookSettings | null;

  readonly agents!: AgentSettings;
  readonly agentBases!: AgentBases;
  readonly codex!: CodexSettings;

  readonly policyOverrides!: PolicyOverrides;
  /** The providers of `FERMILINK_PROVIDERS_FILE`, besides those that the project brings along. */
  readonly providers: readonly ProviderDefinition[] = [];
  /** Binaries that the administrator named, by provider. */
  readonly binaries!: Readonly<Partial<Record<ProviderId, string>>>;
  /**
   * Names of variables that are handed to every agent besides the allow-list; a trailing `*` makes one
   * the beginning of names.
   */
  readonly agentEnvPassthrough!: readonly string[];
  /** The server's own environment, from which an agent's is picked. */
  readonly environment!: Readonly<Record<string, string | undefined>>;

  /** What the administrator should know of how the settings were taken, one sentence each. */
  readonly warnings!: readonly string[];

  constructor(values: Readonly<RunnerConfig>) {
    Object.assign(this, values);
  }
}

import { SANDBOX_MODES, type SandboxMode } from './environment.js';

/** How a provider can be started: in a sandbox mode, or, under the policy `bypass`, without one. */
export const LAUNCH_MODES = [...SANDBOX_MODES, 'bypass'] as const;
export type LaunchMode = SandboxMode | 'bypass';

/** What may stand as a whole argument, in braces, and is replaced at each start. */
export const PLACEHOLDERS = ['repo', 'tmp', 'home', 'prompt_file', 'model', 'effort'] as const;
export type Placeholder = (typeof PLACEHOLDERS)[number];
/** Those that a policy may leave open; a group that has one is left out then. */
export const OPTIONAL_PLACEHOLDERS: readonly Placeholder[] = ['model', 'effort'];

/** One argument, or a group of arguments that is left out where one of its placeholders has no value. */
export type ArgumentTemplate = string | readonly string[];

/** How the lines of a CLI are read: as those of a CLI that the project knows, or as nothing but text. */
export const READING_IDS = ['codex', 'claude', 'gemini', 'opencode', 'text'] as const;
export type ReadingId = (typeof READING_IDS)[number];

export const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

export const PROMPT_WAYS = ['stdin', 'file'] as const;

/** Where a CLI may have its credentials: one of them is enough. */
export interface CredentialPlaces {
  /** Names of environment variables. */
  readonly variables: readonly string[];
  /** Absolute paths; the first one in the home of the server's user is its login in the homes of sessions. */
  readonly files: readonly string[];
}

/** A provider as `FERMILINK_PROVIDERS_FILE` defines it (`schemas/providers.schema.json`). */
export interface ProviderDefinition {
  readonly id: string;
  /** A name for PATH, or an absolute path. */
  readonly binary: string;
  /** A mode that is absent is refused. */
  readonly args: Readonly<Partial<Record<LaunchMode, readonly ArgumentTemplate[]>>>;
  readonly prompt: (typeof PROMPT_WAYS)[number];
  /** The CLI takes a prompt that begins with a slash as one of its own commands. */
  readonly slashCommands: boolean;
  readonly environment: {
    /** Beginnings of the names of its own variables. */
    readonly families: readonly string[];
    readonly set: Readonly<Record<string, string>>;
  };
  readonly stopSignal: StopSignal;
  /** The name under which it looks for the rules in `AGENTS.md`; null if it reads that. */
  readonly instructionsAlias: string | null;
  readonly readingId: ReadingId;
  /** Null if nobody said where they are. */
  readonly credentials: CredentialPlaces | null;
}

/** The placeholder that an argument is; null if it stands for itself. */
export function placeholderOf(argument: string): Placeholder | null {
  return PLACEHOLDERS.find((name) => argument === `{${name}}`) ?? null;
}

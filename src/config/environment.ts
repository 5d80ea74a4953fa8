import { Transform } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  ValidateBy,
} from 'class-validator';
import { areOrigins, ORIGINS_RULE } from './origins.js';
import { areAlgorithms, isKeysUrl, JWT_ALGORITHMS } from './identity-rules.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** The largest value of a setting that has no natural bound: what a timer of Node can still hold. */
const MAX_SECONDS = 2_147_483;
const MAX_COUNT = 10_000_000;
const MAX_HOURS = 1_000_000;
const MAX_DAYS = 36_500;
/** 512 TiB: more than any disk. */
const MAX_BYTES = 512 * 1024 * GIB;

/** A whole number of decimal digits within bounds; one sentence states the rule, whichever part fails. */
function WholeNumber(min: number, max: number): PropertyDecorator {
  const message = `must be a whole number from ${min} to ${max}`;
  return (target, property) => {
    // One that has no default may be absent; unset and empty values never get here.
    IsOptional()(target, property);
    Transform(({ value }: { value: unknown }) => {
      if (typeof value !== 'string') return value;
      return /^[+-]?\d{1,15}$/.test(value.trim()) ? Number(value) : Number.NaN;
    })(target, property);
    IsInt({ message })(target, property);
    Min(min, { message })(target, property);
    Max(max, { message })(target, property);
  };
}

/** Text that is trimmed; blank counts as unset. */
function Text(): PropertyDecorator {
  return (target, property) => {
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' ? value.trim() : value,
    )(target, property);
    IsOptional()(target, property);
    IsString()(target, property);
  };
}

/** A word in any case of letters. */
function Word(): PropertyDecorator {
  return (target, property) => {
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' ? value.trim().toLowerCase() : value,
    )(target, property);
    IsOptional()(target, property);
    IsString()(target, property);
  };
}

/** One of a few words, in any case of letters. */
function OneOf(values: readonly string[]): PropertyDecorator {
  return (target, property) => {
    Word()(target, property);
    IsIn(values, { message: `must be one of: ${values.join(', ')}` })(target, property);
  };
}

const ON = ['1', 'true', 'yes', 'on'];
const OFF = ['0', 'false', 'no', 'off'];

/** On or off, in one of the words that are usual for it, in any case of letters. */
function Switch(): PropertyDecorator {
  return (target, property) => {
    Transform(({ value }: { value: unknown }) => {
      if (typeof value !== 'string') return value;
      const word = value.trim().toLowerCase();
      return ON.includes(word) ? true : OFF.includes(word) ? false : value;
    })(target, property);
    const words = [...ON, ...OFF].join(', ');
    IsBoolean({ message: `must be one of: ${words}` })(target, property);
  };
}

/** A text for which something holds. */
function Holds(message: string, holds: (text: string) => boolean): PropertyDecorator {
  return ValidateBy({
    name: message,
    validator: {
      validate: (value) => typeof value === 'string' && holds(value),
      defaultMessage: () => message,
    },
  });
}

/** The agent CLIs that this project itself can drive. `demo` ships with it. */
export const PROVIDER_IDS = ['codex', 'claude', 'gemini', 'opencode', 'demo'] as const;
export type ProviderId = (typeof PROVIDER_IDS)[number];

export const SANDBOX_POLICIES = ['enforce', 'bypass'] as const;
export type SandboxPolicy = (typeof SANDBOX_POLICIES)[number];

export const SANDBOX_MODES = ['read-only', 'workspace-write'] as const;
export type SandboxMode = (typeof SANDBOX_MODES)[number];

export const REASONING_EFFORTS = ['low', 'medium', 'high', 'xhigh'] as const;
export type ReasoningEffort = (typeof REASONING_EFFORTS)[number];

/**
 * The name of a model, and the rule in words. It becomes an argument of a command line, where a leading
 * dash would make it an option.
 */
export const MODEL_NAME = /^[\x21-\x2c\x2e-\x7e][\x21-\x7e]{0,199}$/;
export const MODEL_NAME_RULE = 'must be 1 to 200 visible characters that do not begin with "-"';

/**
 * The environment variables of the runner, as they are named outside, with their defaults and rules
 * (contract, section 2). A variable that is set to an empty text counts as unset.
 */
export class Environment {
  @Text() FERMILINK_HOME?: string;
  @Text() FERMILINK_WORKSPACES_ROOT?: string;
  @Text() FERMILINK_SCIPKG_ROOT?: string;
  @Text() FERMILINK_SCIENTIFIC_PACKAGES_ROOT?: string;
  @Text() FERMILINK_SCIPKG_ACTIVE?: string;
  @Text() FERMILINK_MAXWELLLINK_ROOT?: string;
  @Text()
  @Matches(/[\p{L}\p{N}]/u, { message: 'must have a letter or a digit' })
  FERMILINK_LEGACY_MAXWELLLINK_PACKAGE_ID?: string;
  @Text()
  @Matches(/^(\s*(\/|~(?=[/,:]|$))[^,:]*([,:]|$))+$/, {
    message: 'must be absolute folders, separated by commas or colons',
  })
  FERMILINK_PACKAGE_PATHS?: string;
  @WholeNumber(KIB, MAX_BYTES) FERMILINK_RUNNER_MAX_PACKAGE_BYTES: number = 512 * MIB;
  @WholeNumber(KIB, MAX_BYTES) FERMILINK_RUNNER_MAX_PACKAGE_UNPACKED_BYTES: number = 4 * GIB;
  @WholeNumber(1, MAX_COUNT) FERMILINK_RUNNER_MAX_PACKAGE_ENTRIES: number = 100_000;
  @WholeNumber(1, MAX_COUNT) FERMILINK_RUNNER_MAX_PACKAGE_RATIO: number = 200;
  @WholeNumber(1, MAX_SECONDS) FERMILINK_RUNNER_UPLOAD_IDLE_SECONDS: number = 30;
  @Text() FERMILINK_SOFTWARE_ROOT?: string;
  @Text() FERMILINK_RUNTIME_ROOT?: string;

  @Text() FERMILINK_RUNNER_HOST: string = '127.0.0.1';
  @WholeNumber(0, 65_535) FERMILINK_RUNNER_PORT: number = 8000;

  @WholeNumber(1, MAX_SECONDS) FERMILINK_RUNNER_MAX_RUNTIME_SECONDS: number = 600;
  @WholeNumber(1, MAX_SECONDS) FERMILINK_RUNNER_PREPARE_TIMEOUT_SECONDS: number = 120;
  @WholeNumber(1, MAX_COUNT) FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS: number = 200;
  @WholeNumber(1, MAX_COUNT) FERMILINK_RUNNER_PER_USER_CONCURRENT_RUNS: number = 10;
  @WholeNumber(0, MAX_COUNT) FERMILINK_RUNNER_MAX_QUEUE_SIZE: number = 2000;
  @WholeNumber(0, MAX_COUNT) FERMILINK_RUNNER_MAX_PENDING_PER_USER: number = 10;
  @WholeNumber(64 * KIB, 256 * MIB) FERMILINK_RUNNER_SUBPROCESS_STREAM_LIMIT: number = MIB;
  // An event is a string of Node, which holds at most some 512 Mi characters; JSON may need six for a byte.
  @WholeNumber(64 * KIB, 64 * MIB) FERMILINK_RUNNER_MAX_LINE_BYTES: number = 16 * MIB;
  @WholeNumber(64 * KIB, MAX_BYTES) FERMILINK_RUNNER_MAX_OUTPUT_BYTES: number = GIB;
  @WholeNumber(0, MAX_SECONDS) FERMILINK_RUNNER_STALL_SECONDS: number = 0;
  @WholeNumber(0, MAX_SECONDS) FERMILINK_RUNNER_MAX_QUEUE_WAIT_SECONDS: number = 0;
  @WholeNumber(1, MAX_SECONDS) FERMILINK_RUNNER_FOLLOWER_TIMEOUT_SECONDS: number = 60;
  @WholeNumber(0, MAX_SECONDS) FERMILINK_RUNNER_DISCONNECT_GRACE_SECONDS?: number;
  @WholeNumber(0, MAX_SECONDS) FERMILINK_RUNNER_DRAIN_DELAY_SECONDS: number = 0;
  @WholeNumber(0, MAX_SECONDS) FERMILINK_RUNNER_DRAIN_SECONDS: number = 15;
  @WholeNumber(0, MAX_SECONDS) FERMILINK_RUNNER_LOCK_WAIT_SECONDS: number = 60;
  @WholeNumber(0, MAX_HOURS) FERMILINK_RUNNER_RETAIN_RUNS_HOURS: number = 72;
  @WholeNumber(0, MAX_BYTES) FERMILINK_RUNNER_RETAIN_BYTES: number = 10 * GIB;
  @WholeNumber(1, MAX_BYTES) FERMILINK_RUNNER_MAX_UPLOAD_BYTES: number = GIB;
  @Switch() FERMILINK_RUNNER_COMMIT_RUNS: boolean = false;
  @OneOf(['end', 'keep']) FERMILINK_RUNNER_BACKGROUND: 'end' | 'keep' = 'end';
  @Switch() FERMILINK_RUNNER_REDACT: boolean = true;
  @Text()
  // All that every client can send in a header.
  @Matches(/^[\x20-\x7e]+$/, { message: 'must be of printable ASCII characters' })
  FERMILINK_RUNNER_METRICS_TOKEN?: string;
  @Text() @Holds(ORIGINS_RULE, areOrigins) FERMILINK_RUNNER_CORS_ORIGINS?: string;
  @Switch() FERMILINK_RUNNER_DOCS: boolean = true;

  @Text() FERMILINK_RUNNER_TOKENS_FILE?: string;
  @Switch() FERMILINK_RUNNER_ALLOW_ANONYMOUS: boolean = false;
  @Text()
  @Holds('must be an https:// URL, or an http:// one of this machine', isKeysUrl)
  FERMILINK_RUNNER_JWT_JWKS_URL?: string;
  @Text() FERMILINK_RUNNER_JWT_JWKS_FILE?: string;
  @Text() FERMILINK_RUNNER_JWT_ISSUER?: string;
  @Text() FERMILINK_RUNNER_JWT_AUDIENCE?: string;
  @Text()
  @Holds(`must be some of: ${JWT_ALGORITHMS.join(', ')}`, areAlgorithms)
  FERMILINK_RUNNER_JWT_ALGORITHMS: string = 'RS256,PS256,ES256,EdDSA';
  @Text() FERMILINK_RUNNER_JWT_USER_CLAIM: string = 'sub';
  @Text() FERMILINK_RUNNER_JWT_SCOPES_CLAIM: string = 'scope';
  @WholeNumber(0, MAX_BYTES) FERMILINK_RUNNER_SESSION_QUOTA_BYTES: number = 0;
  @WholeNumber(0, MAX_BYTES) FERMILINK_RUNNER_USER_QUOTA_BYTES: number = 0;
  @WholeNumber(0, MAX_DAYS) FERMILINK_RUNNER_REMOVE_SESSIONS_DAYS: number = 0;
  @Switch() FERMILINK_RUNNER_REMOVE_SESSIONS_DRY_RUN: boolean = false;

  @Text() FERMILINK_RUNNER_WEBHOOK_URL?: string;
  @Text()
  @Matches(/^[\x21-\x7e]+$/, { message: 'must be of visible ASCII characters' })
  FERMILINK_RUNNER_WEBHOOK_SECRET?: string;
  @Switch() FERMILINK_RUNNER_WEBHOOK_ALLOW_HTTP: boolean = false;
  @WholeNumber(1, 300) FERMILINK_RUNNER_WEBHOOK_TIMEOUT_SECONDS: number = 15;
  @WholeNumber(1, 720) FERMILINK_RUNNER_WEBHOOK_MAX_AGE_HOURS: number = 24;

  /** One of the ids above, or of those in the providers file, which is read later. */
  @Word() FERMILINK_AGENT_PROVIDER?: string;
  @OneOf(SANDBOX_POLICIES) FERMILINK_AGENT_SANDBOX_POLICY?: SandboxPolicy;
  @OneOf(SANDBOX_MODES) FERMILINK_AGENT_SANDBOX_MODE?: SandboxMode;
  @Text() @Matches(MODEL_NAME, { message: MODEL_NAME_RULE }) FERMILINK_AGENT_MODEL?: string;
  @OneOf(REASONING_EFFORTS) FERMILINK_AGENT_REASONING_EFFORT?: ReasoningEffort;

  @Text()
  @Matches(/^\s*([A-Za-z_][A-Za-z0-9_]*\*?(\s*,\s*|\s*$))*$/, {
    message:
      'must be names of environment variables, or their beginnings followed by *, separated by commas',
  })
  FERMILINK_AGENT_ENV_PASSTHROUGH?: string;

  @OneOf(['session', 'shared']) FERMILINK_AGENT_HOME: 'session' | 'shared' = 'session';
  @Switch() FERMILINK_AGENT_TELEMETRY: boolean = false;
  @Switch() FERMILINK_AGENT_UPDATE_CHECKS: boolean = false;
  @Text()
  @Matches(/^(\d{1,2}|cli)$/i, {
    message: 'must be a whole number from 0 to 99, or "cli" to leave it to the CLI',
  })
  FERMILINK_AGENT_RETRIES: string = '2';

  @OneOf(['login', 'oauth', 'keychain', 'stored']) FERMILINK_CODEX_AUTH_MODE?: string;
  @Text() FERMILINK_CODEX_API_KEY?: string;
  @Text() FERMILINK_OPENAI_API_KEY?: string;
  @Text() FERMILINK_CODEX_HOME?: string;
  @Text() FERMILINK_CLAUDE_HOME?: string;
  @Text() FERMILINK_GEMINI_HOME?: string;
  @Text() FERMILINK_OPENCODE_HOME?: string;

  @Text() FERMILINK_PROVIDERS_FILE?: string;

  @Text() FERMILINK_CODEX_BIN?: string;
  @Text() FERMILINK_CLAUDE_BIN?: string;
  @Text() FERMILINK_GEMINI_BIN?: string;
  @Text() FERMILINK_OPENCODE_BIN?: string;
}

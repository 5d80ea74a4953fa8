import type { ErrorCode } from '../common/errors.js';
import type { RunFiles } from '../files/changes/run-files.js';
import type { OverlaySummary } from '../packages/package-types.js';
import type { AgentResult } from '../provider/agent-result.js';

/** Why a run ended; also its state from then on (contract, section 8). */
export const END_REASONS = [
  'completed',
  'timeout',
  'cancelled',
  'failed',
  'lost',
  'output_limit',
] as const;
export type EndReason = (typeof END_REASONS)[number];

export const RUN_STATES = ['queued', 'preparing', 'running', ...END_REASONS] as const;
export type RunState = (typeof RUN_STATES)[number];

/** Codes that stand only in `runner.exit`: they are no errors of a request. */
export const END_CODES = [
  'cancel_requested',
  'client_gone',
  'interrupted',
  'queue_timeout',
  'server_died',
  'stalled',
] as const;
export type EndCode = (typeof END_CODES)[number];

/** What ended a run, where it was not the agent itself. */
export interface EndCause {
  reason: EndReason;
  code: ErrorCode | EndCode | null;
  detail: string | null;
}

/** How a run ended, as `runner.exit` says it (contract, section 8). */
export interface RunEnd extends EndCause {
  /** Exit status of the agent, negative for a signal; null if none ran or nobody saw it. */
  returnCode: number | null;
  /** Something of its tree had to be killed. */
  killed: boolean;
  /** Processes that could not be ended. */
  survivors: number;
  /** What it has changed in its session; null where that is not known. */
  files: RunFiles | null;
  /** What the agent made of it; null if none ran, or nobody was there to listen to its end. */
  result: AgentResult | null;
}

/** What a run asked for, kept so that it can still be started by the next server. */
export interface RunOrder {
  prompt: string;
  packageId: string | null;
  sandbox: string | null;
  /** Seconds; null means the configured limit. */
  maxRuntimeSeconds: number | null;
  /** What becomes of the run when its last follower has gone (contract, section 9). */
  onDisconnect: 'cancel' | 'continue';
  metadata: Record<string, unknown> | null;
  /** The session's last talk with the provider is to go on. */
  continueConversation?: boolean;
}

/** What `meta` says of the agent. */
export interface AgentFacts {
  provider: string;
  sandbox_policy: string;
  sandbox_mode: string | null;
  model: string | null;
  reasoning_effort: string | null;
  /** Whether the session's last talk goes on; only where that was asked for. */
  resumed?: boolean;
}

/** A process and where its number means anything: see `hostIdentity`. */
export interface ProcessMark {
  pid: number;
  /** In clock ticks since boot. */
  startTime: number;
  host: string;
}

/** The idempotency key of a run, hashed together with its scope, and the hash of the body it came with. */
export interface KeyClaim {
  key: string;
  bodyHash: string;
}

/** The status and body with which a run that was never started was answered; a retry repeats them. */
export interface StoredProblem {
  code: ErrorCode;
  detail: string;
  requested: boolean;
  retryAfterSeconds: number | null;
}

/** All that is kept of a run besides its events. */
export interface RunRecord {
  readonly version: 1;
  readonly id: string;
  readonly sessionId: string;
  readonly userId: string | null;
  readonly userKey: string;
  readonly order: RunOrder;
  readonly claim: KeyClaim | null;
  /** Stands in the environment of every process of the run; nobody can guess it. */
  readonly cookie: string;
  readonly createdAt: string;
  readonly state: RunState;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly agent: AgentFacts | null;
  readonly package: OverlaySummary | null;
  readonly process: ProcessMark | null;
  readonly end: RunEnd | null;
  readonly problem: StoredProblem | null;
  /** Of an ended run: the number of its last event, and the bytes of all of them. */
  readonly lastEventId: number;
  readonly eventBytes: number;
  /** The log has the end too; until then the run is not done with. */
  readonly isEndLogged: boolean;
  /** Something of its tree is still there, and keeps the session busy; until then it is not done with either. */
  readonly hasSurvivors: boolean;
  /** The webhook is still to be told of the end: the disk had no room for it. Missing in older records. */
  readonly owesWebhook?: boolean;
  /** The events were removed to make room; the record stays. */
  readonly eventsExpired: boolean;
}

/** The record of a run that has just been made. */
export function queuedRecord(
  birth: Pick<
    RunRecord,
    'id' | 'sessionId' | 'userId' | 'userKey' | 'order' | 'claim' | 'cookie' | 'createdAt'
  >,
): RunRecord {
  return {
    version: 1,
    ...birth,
    state: 'queued',
    startedAt: null,
    endedAt: null,
    agent: null,
    package: null,
    process: null,
    end: null,
    problem: null,
    lastEventId: 0,
    eventBytes: 0,
    isEndLogged: false,
    hasSurvivors: false,
    eventsExpired: false,
  };
}

/** What may change of a record. */
export type RunChanges = Partial<
  Pick<
    RunRecord,
    | 'state'
    | 'startedAt'
    | 'endedAt'
    | 'agent'
    | 'package'
    | 'process'
    | 'end'
    | 'problem'
    | 'lastEventId'
    | 'eventBytes'
    | 'isEndLogged'
    | 'hasSurvivors'
    | 'owesWebhook'
    | 'eventsExpired'
  >
>;

export function hasEnded(state: RunState): state is EndReason {
  return (END_REASONS as readonly string[]).includes(state);
}

import type { ErrorCode } from '../common/errors.js';
import { CACHE_CONTROL, IDEMPOTENCY_KEY, LAST_EVENT_ID, LOCATION } from '../openapi/headers.js';
import {
  empty,
  type EventDescription,
  events,
  inPath,
  inQuery,
  json,
  type RouteDescription,
} from '../openapi/route-description.js';
import { ACTIVITIES } from './activity.answers.js';
import {
  LogEvent,
  MetaEvent,
  QueuedEvent,
  RunnerExitEvent,
  ShutdownEvent,
  StalledEvent,
} from './event.answers.js';
import { DEFAULT_LIMIT, MAX_LIMIT } from './run-query.js';
import { RUN_STATES } from './run-record.js';
import { RunRequest, VIEWS } from './run-request.js';
import { RunBody, RunListBody, RunReference } from './run.answers.js';

const RUN_ID = inPath('id', 'The id of the run.');
const VIEW = inQuery(
  'view',
  'How the stream shows what the agent says: as its lines are (`raw`), or as activities.',
  { enum: [...VIEWS], default: 'raw' },
);

/** The events of a stream (contract, sections 1 and 8). */
const RUN_EVENTS: Readonly<Record<string, EventDescription>> = {
  queued: {
    kind: 'notice',
    description: 'The run waits; at once and at every change.',
    data: QueuedEvent,
  },
  meta: { kind: 'logged', description: 'The agent has been started.', data: MetaEvent },
  agent: {
    kind: 'logged',
    description: "One line of the agent's stdout; only with `view=raw`.",
    data: 'text',
  },
  activity: {
    kind: 'logged',
    description:
      'What a line comes to, only with `view=activity`; of several that come from one line the last has its id.',
    data: ACTIVITIES,
  },
  log: { kind: 'logged', description: "A line of the agent's stderr.", data: LogEvent },
  stalled: {
    kind: 'logged',
    description: 'The agent has been silent for long.',
    data: StalledEvent,
  },
  shutdown: { kind: 'notice', description: 'The server stops.', data: ShutdownEvent },
  'runner.exit': {
    kind: 'logged',
    description: 'The end, exactly once, the last.',
    data: RunnerExitEvent,
  },
};

/** Why a request for a run is refused before there is one. */
const SUBMISSION: readonly ErrorCode[] = [
  'draining',
  'idempotency_key_reused',
  'package_invalid',
  'package_not_found',
  'prepare_timeout',
  'prompt_too_long',
  'queue_full',
  'quota_exceeded',
  'registry_unreadable',
  'retry_unmatched',
  'session_busy',
  'session_not_found',
  'user_queue_full',
];

/** Why a run that was admitted at once could not be started. */
const PREPARATION: readonly ErrorCode[] = [
  'memory_file_failed',
  'overlay_refused',
  'package_modified',
  'policy_invalid',
  'provider_not_implemented',
  'sandbox_mode_unsupported',
  'spawn_failed',
  'workspace_failed',
];

const USER_ID = inQuery(
  'user_id',
  'The user for whom the caller acts, where the header `X-FermiLink-User` does not say it.',
);

const WHOLE = 'The run has ended, and the client has all of its events.';

/** The page makes one of all fields by itself, which no server takes. */
const EXAMPLE = { user_prompt: 'Show me a damped oscillator.', session_id: 'my-session' };

export const START_RUN: RouteDescription = {
  id: 'startRun',
  summary: 'Start a run and follow it',
  description:
    'When its last follower has gone the run ends, unless `on_disconnect` says otherwise. With a known `Idempotency-Key` it is the stream of that run, from `Last-Event-ID` on.',
  parameters: [VIEW, IDEMPOTENCY_KEY, LAST_EVENT_ID],
  body: RunRequest,
  example: EXAMPLE,
  answers: {
    200: events('The events of the run.', RUN_EVENTS, LOCATION, CACHE_CONTROL),
    204: empty(WHOLE, LOCATION),
  },
  errors: [...SUBMISSION, ...PREPARATION, 'cursor_expired', 'cursor_invalid', 'cursor_unknown'],
  // Where there is a run.
  problemHeaders: [{ ...LOCATION, always: false }],
};

export const CREATE_RUN: RouteDescription = {
  id: 'createRun',
  summary: 'Start a run that goes on by itself',
  parameters: [VIEW, IDEMPOTENCY_KEY, LAST_EVENT_ID],
  body: RunRequest,
  example: EXAMPLE,
  answers: { 202: json('The run, wherever it is by now.', RunReference, LOCATION) },
  errors: SUBMISSION,
};

export const LIST_RUNS: RouteDescription = {
  id: 'listRuns',
  summary: 'List runs, newest first',
  parameters: [
    inQuery('user_id', 'Only runs of this user, for whom the caller acts.'),
    inQuery('session_id', 'Only runs of this session.'),
    inQuery('state', 'Only runs in this state.', { enum: [...RUN_STATES] }),
    inQuery('limit', 'How many at most.', {
      type: 'integer',
      minimum: 1,
      maximum: MAX_LIMIT,
      default: DEFAULT_LIMIT,
    }),
    inQuery('cursor', 'The `next_cursor` of the page before.'),
  ],
  answers: { 200: json('A page of runs.', RunListBody) },
  errors: ['cursor_invalid'],
};

export const GET_RUN: RouteDescription = {
  id: 'getRun',
  summary: 'What is known of a run',
  parameters: [
    RUN_ID,
    USER_ID,
    inQuery('include', '`prompt` for the prompt too; anything else is ignored.'),
  ],
  answers: { 200: json('The run.', RunBody) },
  errors: ['run_not_found'],
};

export const FOLLOW_RUN: RouteDescription = {
  id: 'followRun',
  summary: 'Follow the events of a run',
  description: 'Those behind the last one that the client has, then those to come.',
  parameters: [
    RUN_ID,
    USER_ID,
    inQuery('after', 'The id of the last event that the client has.', {
      type: 'integer',
      minimum: 0,
    }),
    VIEW,
    LAST_EVENT_ID,
  ],
  answers: { 200: events('The events of the run.', RUN_EVENTS, CACHE_CONTROL), 204: empty(WHOLE) },
  errors: ['run_not_found', 'cursor_expired', 'cursor_invalid', 'cursor_unknown'],
};

export const CANCEL_RUN: RouteDescription = {
  id: 'cancelRun',
  summary: 'End a run with its whole process tree',
  description: 'It may be asked for as often as one likes; a run that has ended stays as it is.',
  parameters: [RUN_ID, USER_ID],
  answers: {
    200: json('The run, which has ended.', RunBody),
    202: json('The run, which is being ended: that takes over 10 s.', RunBody),
  },
  errors: ['run_not_found'],
};

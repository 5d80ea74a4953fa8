import type { Activity } from '../activity.js';
import { agentError, errorCodeOf } from '../agent-error.js';
import type { AgentReading, LineReading, Verdict } from '../agent-reading.js';
import {
  costIn,
  countAt,
  type Members,
  objectAt,
  objectIn,
  objectsAt,
  textAt,
} from './json-line.js';
import { toolKind, toolTitle } from './tools.js';

/** More than a message has: each becomes an event for every follower. */
const MAX_PARTS = 256;

/** The lines of `claude --print --output-format stream-json`. */
export const claudeReading: AgentReading = {
  signs: [
    '"type":"assistant"',
    '"type":"result"',
    '"subtype":"init"',
    '"subtype":"api_retry"',
    '"subtype":"permission_denied"',
  ],
  exitCodes: {},
  concludes: true,
  usageSpan: 'run',
  costsTalks: true,

  read(line: string): LineReading {
    const event = objectIn(line);
    switch (event.type) {
      case 'system':
        return { activities: systemEvent(event) };
      case 'assistant':
        return { activities: parts(event).flatMap(saidOrCalled) };
      case 'user':
        return { activities: parts(event).flatMap(returned) };
      case 'result':
        return { activities: [usageOf(event)], verdict: verdictOf(event) };
      case 'rate_limit_event':
        return { activities: [] };
      default:
        return { activities: [{ type: 'unknown' }] };
    }
  },
};

function systemEvent(event: Members): Activity[] {
  if (event.subtype === 'init') {
    return [
      { type: 'session', sessionId: textAt(event, 'session_id'), model: textAt(event, 'model') },
    ];
  }
  if (event.subtype === 'permission_denied') {
    return [{ type: 'warning', message: textAt(event, 'message'), code: 'permission_denied' }];
  }
  if (event.subtype !== 'api_retry') return [];
  const status = countAt(event, 'error_status') || undefined;
  const words = textAt(event, 'error') || 'The request to the model failed';
  const attempt = `attempt ${countAt(event, 'attempt')} of ${countAt(event, 'max_retries')}`;
  const message = `${words}${status === undefined ? '' : ` (HTTP ${status})`}; ${attempt}.`;
  return [{ type: 'warning', message, code: errorCodeOf(words, status) ?? 'network' }];
}

function parts(event: Members): Members[] {
  const all = objectsAt(objectAt(event, 'message'), 'content');
  if (all.length > MAX_PARTS) throw new Error('The line has more parts than a message.');
  return all;
}

function saidOrCalled(part: Members): Activity[] {
  switch (part.type) {
    case 'text':
      return [{ type: 'text', text: textAt(part, 'text') }];
    case 'thinking':
      return [{ type: 'reasoning', text: textAt(part, 'thinking') }];
    case 'redacted_thinking':
      return [];
    case 'tool_use': {
      const name = textAt(part, 'name');
      return [
        {
          type: 'tool_call',
          toolCallId: textAt(part, 'id'),
          title: toolTitle(name, part.input),
          kind: toolKind(name),
          rawInput: part.input,
        },
      ];
    }
    default:
      return [{ type: 'unknown' }];
  }
}

function returned(part: Members): Activity[] {
  if (part.type !== 'tool_result') return [];
  return [
    {
      type: 'tool_result',
      toolCallId: textAt(part, 'tool_use_id'),
      status: part.is_error === true ? 'failed' : 'completed',
      rawOutput: part.content,
    },
  ];
}

function usageOf(event: Members): Activity {
  const usage = objectAt(event, 'usage');
  const cachedReadTokens = countAt(usage, 'cache_read_input_tokens');
  return {
    type: 'usage',
    inputTokens:
      countAt(usage, 'input_tokens') +
      countAt(usage, 'cache_creation_input_tokens') +
      cachedReadTokens,
    cachedReadTokens,
    outputTokens: countAt(usage, 'output_tokens'),
    cost: costIn(event.total_cost_usd),
  };
}

/** A failure has the subtype `success` too; only `is_error` tells. */
function verdictOf(event: Members): Verdict | undefined {
  // It was asked to end, and does not say how its work went.
  if (textAt(event, 'terminal_reason').startsWith('aborted')) return undefined;
  const turns = countAt(event, 'num_turns');
  const resultText = textAt(event, 'result');
  if (event.is_error !== true) {
    return { outcome: 'succeeded', turns, ...(resultText === '' ? {} : { resultText }) };
  }
  const errors = Array.isArray(event.errors)
    ? event.errors.filter((it) => typeof it === 'string')
    : [];
  const words = resultText || errors.join('; ') || `It ended with ${textAt(event, 'subtype')}.`;
  const status = countAt(event, 'api_error_status') || undefined;
  return { outcome: 'failed', turns, error: agentError(words, 'model_error', status) };
}

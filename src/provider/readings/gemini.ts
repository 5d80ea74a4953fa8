import type { Activity } from '../activity.js';
import { agentError, errorCodeOf } from '../agent-error.js';
import type { AgentReading, LineReading } from '../agent-reading.js';
import { countAt, type Members, objectAt, objectIn, shows, textAt } from './json-line.js';
import { toolKind, toolTitle } from './tools.js';

/** The lines of `gemini --output-format stream-json`. */
export const geminiReading: AgentReading = {
  signs: [
    '"type":"init"',
    '"role":"assistant"',
    '"type":"tool_use"',
    '"type":"error"',
    '"type":"result"',
  ],
  exitCodes: { 41: 'auth_missing', 42: 'cli_usage', 52: 'cli_usage', 55: 'permission_denied' },
  concludes: true,
  usageSpan: 'run',

  read(line: string): LineReading {
    const event = objectIn(line);
    switch (event.type) {
      case 'init':
        return shows({
          type: 'session',
          sessionId: textAt(event, 'session_id'),
          model: textAt(event, 'model'),
        });
      case 'message':
        // It repeats the prompt.
        return event.role === 'assistant' ? shows(messageOf(event)) : shows();
      case 'tool_use':
        return shows(callOf(event));
      case 'tool_result':
        return shows({
          type: 'tool_result',
          toolCallId: textAt(event, 'tool_id'),
          status: event.status === 'success' ? 'completed' : 'failed',
          rawOutput: event.output ?? event.error,
        });
      case 'error': {
        const message = textAt(event, 'message');
        const type = event.severity === 'warning' ? 'warning' : 'error';
        return shows({ type, message, code: errorCodeOf(message) });
      }
      case 'result':
        return resultOf(event);
      default:
        return shows({ type: 'unknown' });
    }
  },
};

function messageOf(event: Members): Activity {
  const text = textAt(event, 'content');
  return event.delta === true ? { type: 'text', text, delta: true } : { type: 'text', text };
}

function callOf(event: Members): Activity {
  const name = textAt(event, 'tool_name');
  return {
    type: 'tool_call',
    toolCallId: textAt(event, 'tool_id'),
    title: toolTitle(name, event.parameters),
    kind: toolKind(name),
    rawInput: event.parameters,
  };
}

function resultOf(event: Members): LineReading {
  const activities = [usageOf(objectAt(event, 'stats'))];
  if (event.status === 'success') return { activities, verdict: { outcome: 'succeeded' } };
  const error = agentError(textAt(objectAt(event, 'error'), 'message'), 'model_error');
  return { activities, verdict: { outcome: 'failed', error } };
}

function usageOf(stats: Members): Activity {
  const inputTokens = countAt(stats, 'input_tokens');
  return {
    type: 'usage',
    inputTokens,
    cachedReadTokens: countAt(stats, 'cached'),
    // Those of reasoning stand in the total alone.
    outputTokens: Math.max(
      countAt(stats, 'output_tokens'),
      countAt(stats, 'total_tokens') - inputTokens,
    ),
    cost: null,
  };
}

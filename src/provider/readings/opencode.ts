import type { Activity } from '../activity.js';
import { type AgentError, agentError } from '../agent-error.js';
import type { AgentReading, LineReading } from '../agent-reading.js';
import { costIn, countAt, type Members, objectAt, objectIn, shows, textAt } from './json-line.js';
import { toolKind, toolTitle } from './tools.js';

/** The lines of `opencode run --format json`. */
export const opencodeReading: AgentReading = {
  signs: ['"type":"step_', '"type":"text"', '"type":"tool_use"', '"type":"error"'],
  exitCodes: {},
  concludes: true,
  usageSpan: 'turn',

  read(line: string): LineReading {
    const event = objectIn(line);
    const part = objectAt(event, 'part');
    switch (event.type) {
      case 'step_start':
        return shows({ type: 'session', sessionId: textAt(event, 'sessionID') });
      case 'text':
      case 'reasoning':
        return shows({ type: event.type, text: textAt(part, 'text') });
      case 'tool_use':
        return shows(...toolUse(part));
      case 'step_finish':
        // A step that wants no tool is the last one; there is no other sign of success.
        return part.reason === 'tool-calls'
          ? shows(usageOf(part))
          : { activities: [usageOf(part)], verdict: { outcome: 'succeeded' } };
      case 'error': {
        const error = errorIn(objectAt(event, 'error'));
        return { activities: [{ type: 'error', ...error }], verdict: { outcome: 'failed', error } };
      }
      default:
        return shows({ type: 'unknown' });
    }
  },
};

/** It tells of a tool when that has ended: the call and its result in one line. */
function toolUse(part: Members): Activity[] {
  const state = objectAt(part, 'state');
  const name = textAt(part, 'tool');
  const toolCallId = textAt(part, 'callID');
  const hasFailed = state.status === 'error';
  return [
    {
      type: 'tool_call',
      toolCallId,
      title: textAt(state, 'title') || toolTitle(name, state.input),
      kind: toolKind(name),
      rawInput: state.input,
    },
    {
      type: 'tool_result',
      toolCallId,
      status: hasFailed ? 'failed' : 'completed',
      rawOutput: hasFailed ? state.error : state.output,
    },
  ];
}

function errorIn(error: Members): AgentError {
  const data = objectAt(error, 'data');
  const words = textAt(data, 'message') || textAt(error, 'message') || textAt(error, 'name');
  return agentError(words, 'model_error', countAt(data, 'statusCode') || undefined);
}

function usageOf(part: Members): Activity {
  const tokens = objectAt(part, 'tokens');
  const cache = objectAt(tokens, 'cache');
  return {
    type: 'usage',
    inputTokens: countAt(tokens, 'input') + countAt(cache, 'read') + countAt(cache, 'write'),
    cachedReadTokens: countAt(cache, 'read'),
    outputTokens: countAt(tokens, 'output') + countAt(tokens, 'reasoning'),
    cost: costIn(part.cost),
  };
}

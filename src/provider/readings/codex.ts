import type { Activity, ToolKind } from '../activity.js';
import { agentError, errorCodeOf } from '../agent-error.js';
import type { AgentReading, LineReading } from '../agent-reading.js';
import {
  countAt,
  type Members,
  objectAt,
  objectIn,
  objectsAt,
  shows,
  textAt,
} from './json-line.js';
import { titleIn } from './tools.js';

/** The lines of `codex exec --json`. */
export const codexReading: AgentReading = {
  // What a tool has given back, and what the model thinks, says nothing of the result and may be long.
  signs: [
    '"type":"item.started"',
    '"type":"agent_message"',
    '"type":"turn.',
    '"type":"thread.',
    '"type":"error"',
  ],
  exitCodes: { 2: 'cli_usage' },
  concludes: true,
  usageSpan: 'talk',

  read(line: string): LineReading {
    const event = objectIn(line);
    switch (event.type) {
      case 'thread.started':
        return shows({ type: 'session', sessionId: textAt(event, 'thread_id') });
      case 'turn.started':
      case 'item.updated':
        return shows();
      case 'item.started':
        return shows(...started(objectAt(event, 'item')));
      case 'item.completed':
        return shows(...completed(objectAt(event, 'item')));
      case 'turn.completed':
        return {
          activities: [usageOf(objectAt(event, 'usage'))],
          verdict: { outcome: 'succeeded' },
        };
      case 'turn.failed': {
        const error = agentError(
          messageIn(textAt(objectAt(event, 'error'), 'message')),
          'model_error',
        );
        return { activities: [{ type: 'error', ...error }], verdict: { outcome: 'failed', error } };
      }
      case 'error': {
        const message = messageIn(textAt(event, 'message'));
        // It says when it gives up in another line: so far it goes on.
        return shows({ type: 'warning', message, code: errorCodeOf(message) });
      }
      default:
        return shows({ type: 'unknown' });
    }
  },
};

/** As many as a title can name. */
const MAX_TITLE_CHANGES = 20;

const KINDS: ReadonlyMap<string, ToolKind> = new Map([
  ['command_execution', 'execute'],
  ['file_change', 'edit'],
  ['web_search', 'fetch'],
  ['mcp_tool_call', 'other'],
]);

function started(item: Members): Activity[] {
  const kind = KINDS.get(textAt(item, 'type'));
  if (kind === undefined) return [];
  return [
    {
      type: 'tool_call',
      toolCallId: textAt(item, 'id'),
      title: titleIn(titleOf(item)),
      kind,
      rawInput: inputOf(item),
    },
  ];
}

function completed(item: Members): Activity[] {
  const type = textAt(item, 'type');
  if (type === 'agent_message') return [{ type: 'text', text: textAt(item, 'text') }];
  if (type === 'reasoning') return [{ type: 'reasoning', text: textAt(item, 'text') }];
  if (type === 'error') {
    const message = textAt(item, 'message');
    return [{ type: 'warning', message, code: errorCodeOf(message) }];
  }
  if (!KINDS.has(type)) return type === 'todo_list' ? [] : [{ type: 'unknown' }];
  return [
    {
      type: 'tool_result',
      toolCallId: textAt(item, 'id'),
      status: hasFailed(item) ? 'failed' : 'completed',
      rawOutput: outputOf(item),
    },
  ];
}

function titleOf(item: Members): string {
  switch (item.type) {
    case 'command_execution':
      return textAt(item, 'command');
    case 'file_change':
      return objectsAt(item, 'changes')
        .slice(0, MAX_TITLE_CHANGES)
        .map((change) => `${textAt(change, 'kind')} ${textAt(change, 'path')}`)
        .join(', ');
    case 'web_search':
      return textAt(item, 'query');
    default:
      return `${textAt(item, 'server')} ${textAt(item, 'tool')}`;
  }
}

function inputOf(item: Members): unknown {
  switch (item.type) {
    case 'command_execution':
      return { command: item.command };
    case 'file_change':
      return { changes: item.changes };
    case 'web_search':
      return { query: item.query };
    default:
      return item.arguments;
  }
}

function outputOf(item: Members): unknown {
  switch (item.type) {
    case 'command_execution':
      return { output: item.aggregated_output, exitCode: item.exit_code };
    case 'mcp_tool_call':
      return item.error ?? item.result;
    default:
      return undefined;
  }
}

function hasFailed({ status, exit_code: exitCode }: Members): boolean {
  return status === 'failed' || status === 'declined' || (exitCode ?? 0) !== 0;
}

function usageOf(usage: Members): Activity {
  return {
    type: 'usage',
    inputTokens: countAt(usage, 'input_tokens'),
    cachedReadTokens: countAt(usage, 'cached_input_tokens'),
    outputTokens: countAt(usage, 'output_tokens'),
    cost: null,
  };
}

/** What the model's server said stands as JSON inside the message. */
function messageIn(text: string): string {
  try {
    const said = objectIn(text);
    return textAt(objectAt(said, 'error'), 'message') || textAt(said, 'detail') || text;
  } catch {
    return text;
  }
}

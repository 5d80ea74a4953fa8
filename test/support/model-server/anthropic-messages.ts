import {
  HOLD,
  piecesOf,
  type Protocol,
  refusalOf,
  type Reply,
  textIn,
  USAGE,
  withHold,
} from './protocol.js';
import type { ToolUse } from './script.js';

interface Message {
  role: string;
  content: string | { type: string; text?: string; content?: unknown }[];
}

interface ServerEvent {
  type: string;
  [member: string]: unknown;
}

/** Anthropic's Messages, which claude speaks. */
export const anthropicMessages: Protocol = {
  matches: (path) => path.endsWith('/messages'),

  read({ body, headers }) {
    const parts = (body.messages as Message[])
      .filter(({ role }) => role === 'user')
      .flatMap(({ content }) =>
        typeof content === 'string' ? [{ type: 'text', text: content, content: '' }] : content,
      );
    const tools = (body.tools ?? []) as { name: string }[];
    return {
      model: body.model as string,
      effort: (body.output_config?.effort as string | undefined) ?? null,
      key: headers['x-api-key']?.toString() ?? null,
      userTexts: parts.flatMap(({ text }) => text ?? []),
      toolResults: parts
        .filter(({ type }) => type === 'tool_result')
        .map(({ content }) => textIn(content)),
      toolNames: tools.map(({ name }) => name),
    };
  },

  stream(reply, { model }, id) {
    const blocks = reply.reason === undefined ? [] : [thinkingBlock(reply.reason)];
    blocks.push('use' in reply ? callBlock(reply.use, id) : textBlock(reply.say));
    const start: ServerEvent = { type: 'message_start', message: messageOf(model, id) };
    const end: ServerEvent[] = [
      {
        type: 'message_delta',
        delta: { stop_reason: stopReasonOf(reply), stop_sequence: null },
        usage: { output_tokens: USAGE.output },
      },
      { type: 'message_stop' },
    ];
    const content = blocks.flatMap(({ empty, deltas }, index) => [
      { type: 'content_block_start', index, content_block: empty },
      ...withHold(deltas.map((delta) => ({ type: 'content_block_delta', index, delta }))),
      { type: 'content_block_stop', index },
    ]);
    return [start, ...content, ...end].map((it) => (it === HOLD ? it : part(it)));
  },

  whole(reply, { body }, id) {
    if (body.stream === true) return null;
    const text = 'use' in reply ? '' : piecesOf(reply.say).join('');
    return {
      ...messageOf(body.model as string, id),
      content: [{ type: 'text', text }],
      stop_reason: 'end_turn',
    };
  },

  refusal: (status) => ({ type: 'error', error: refusalOf(status) }),
};

function part(data: ServerEvent) {
  return { event: data.type, data };
}

function messageOf(model: string, id: string) {
  return {
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: {
      input_tokens: USAGE.input - USAGE.cached,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: USAGE.cached,
      output_tokens: USAGE.output,
    },
  };
}

function stopReasonOf(reply: Reply): string {
  return 'use' in reply ? 'tool_use' : 'end_turn';
}

/** A block as it begins, and what is added to it. */
interface Block {
  empty: object;
  deltas: object[];
}

function textBlock(say: string | readonly string[]): Block {
  const deltas = piecesOf(say).map((text) => ({ type: 'text_delta', text }));
  return { empty: { type: 'text', text: '' }, deltas };
}

function thinkingBlock(thinking: string): Block {
  return {
    empty: { type: 'thinking', thinking: '', signature: '' },
    deltas: [
      { type: 'thinking_delta', thinking },
      { type: 'signature_delta', signature: 'signed' },
    ],
  };
}

function callBlock(use: ToolUse, id: string): Block {
  const [name, input] = toolOf(use);
  return {
    empty: { type: 'tool_use', id: `toolu_${id}`, name, input: {} },
    deltas: [{ type: 'input_json_delta', partial_json: JSON.stringify(input) }],
  };
}

function toolOf(use: ToolUse): [string, object] {
  if ('tool' in use) return [use.tool, use.args];
  return 'shell' in use
    ? ['Bash', { command: use.shell, description: 'Run a command' }]
    : ['Write', { file_path: use.write, content: use.content }];
}

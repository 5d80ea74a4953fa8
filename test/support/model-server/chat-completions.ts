import {
  bearerOf,
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
  content: unknown;
}

/** OpenAI's Chat Completions, which opencode speaks. */
export const chatCompletions: Protocol = {
  matches: (path) => path.endsWith('/chat/completions'),

  read({ body, headers }) {
    const textsOf = (role: string) =>
      (body.messages as Message[]).filter((it) => it.role === role).map((it) => textIn(it.content));
    const tools = (body.tools ?? []) as { function: { name: string } }[];
    return {
      model: body.model as string,
      effort: (body.reasoning_effort as string | undefined) ?? null,
      key: bearerOf(headers),
      userTexts: textsOf('user'),
      toolResults: textsOf('tool'),
      toolNames: tools.map((it) => it.function.name),
    };
  },

  stream(reply, { model }, id) {
    const chunk = (delta: object, finish: string | null = null, more: object = {}) => ({
      data: {
        id: `chatcmpl-${id}`,
        object: 'chat.completion.chunk',
        created: 0,
        model,
        choices: [{ index: 0, delta, finish_reason: finish }],
        ...more,
      },
    });
    const thought = reply.reason === undefined ? [] : [chunk({ reasoning_content: reply.reason })];
    const said =
      'use' in reply
        ? [chunk({ tool_calls: [callOf(reply.use, id)] })]
        : piecesOf(reply.say).map((content) => chunk({ content }));
    return [
      chunk({ role: 'assistant', content: '' }),
      ...thought,
      ...withHold(said),
      chunk({}, 'use' in reply ? 'tool_calls' : 'stop', { usage: usage() }),
      { data: '[DONE]' },
    ];
  },

  whole(reply, { body }, id) {
    if (body.stream === true) return null;
    return {
      id: `chatcmpl-${id}`,
      object: 'chat.completion',
      created: 0,
      model: body.model as string,
      choices: [{ index: 0, message: wholeOf(reply), finish_reason: 'stop' }],
      usage: usage(),
    };
  },

  refusal: (status) => ({ error: { ...refusalOf(status), code: null } }),
};

function wholeOf(reply: Reply): object {
  return { role: 'assistant', content: 'use' in reply ? '' : piecesOf(reply.say).join('') };
}

function callOf(use: ToolUse, id: string): object {
  const [name, args] = toolOf(use);
  return {
    index: 0,
    id: `call_${id}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(args) },
  };
}

function toolOf(use: ToolUse): [string, object] {
  if ('tool' in use) return [use.tool, use.args];
  return 'shell' in use
    ? ['bash', { command: use.shell, description: 'Run a command' }]
    : ['write', { filePath: use.write, content: use.content }];
}

function usage() {
  return {
    prompt_tokens: USAGE.input,
    prompt_tokens_details: { cached_tokens: USAGE.cached },
    completion_tokens: USAGE.output,
    completion_tokens_details: { reasoning_tokens: USAGE.reasoning },
    total_tokens: USAGE.input + USAGE.output,
  };
}

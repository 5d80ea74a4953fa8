import {
  bearerOf,
  piecesOf,
  type Protocol,
  refusalOf,
  textIn,
  USAGE,
  withHold,
} from './protocol.js';
import type { ToolUse } from './script.js';

interface Item {
  type?: string;
  role?: string;
  content?: { text?: string }[];
  output?: unknown;
}

interface ServerEvent {
  type: string;
  [member: string]: unknown;
}

/** OpenAI's Responses, which codex speaks. */
export const openaiResponses: Protocol = {
  matches: (path) => path.endsWith('/responses'),

  read({ body, headers }) {
    const input = body.input as Item[];
    const tools = (body.tools ?? []) as { name?: string }[];
    return {
      model: body.model as string,
      effort: (body.reasoning?.effort as string | undefined) ?? null,
      key: bearerOf(headers),
      userTexts: input
        .filter(({ role }) => role === 'user')
        .flatMap(({ content }) => content ?? [])
        .flatMap(({ text }) => text ?? []),
      toolResults: input
        .filter(({ type }) => type === 'function_call_output')
        .map(({ output }) => textIn(output)),
      toolNames: tools.flatMap(({ name }) => name ?? []),
    };
  },

  stream(reply, _request, id) {
    const response = { id: `resp_${id}`, object: 'response', status: 'in_progress', output: [] };
    const item = 'use' in reply ? callOf(reply.use, id) : messageOf(reply.say, id);
    const deltas = 'use' in reply ? [] : deltasOf(reply.say, item.id);
    const output = [...(reply.reason === undefined ? [] : [reasoningOf(reply.reason, id)]), item];
    const whole = { ...response, status: 'completed', output, usage: usage() };
    const events: ServerEvent[] = [
      { type: 'response.created', response },
      ...output.slice(0, -1).flatMap((it) => thinking(it, reply.reason!)),
      added(item, output.length - 1),
    ];
    const end: ServerEvent[] = [
      { type: 'response.output_item.done', output_index: output.length - 1, item },
      { type: 'response.completed', response: whole },
    ];
    return [...events.map(part), ...withHold(deltas.map(part)), ...end.map(part)];
  },

  refusal(status) {
    const { type, message } = refusalOf(status);
    return { error: { type, message, code: status === 401 ? 'invalid_api_key' : null } };
  },
};

function part(data: ServerEvent) {
  return { event: data.type, data };
}

function added(item: object, index: number): ServerEvent {
  const begun = { ...item, status: 'in_progress' };
  return { type: 'response.output_item.added', output_index: index, item: begun };
}

function deltasOf(say: string | readonly string[], itemId: string): ServerEvent[] {
  return piecesOf(say).map((delta) => ({
    type: 'response.output_text.delta',
    item_id: itemId,
    output_index: 0,
    content_index: 0,
    delta,
  }));
}

function thinking(item: { id: string }, text: string): ServerEvent[] {
  const place = { item_id: item.id, output_index: 0, summary_index: 0 };
  return [
    added(item, 0),
    { type: 'response.reasoning_summary_text.delta', ...place, delta: text },
    { type: 'response.output_item.done', output_index: 0, item },
  ];
}

function reasoningOf(text: string, id: string) {
  return { id: `rs_${id}`, type: 'reasoning', summary: [{ type: 'summary_text', text }] };
}

function messageOf(say: string | readonly string[], id: string) {
  const text = piecesOf(say).join('');
  const content = [{ type: 'output_text', text, annotations: [] }];
  return { id: `msg_${id}`, type: 'message', role: 'assistant', status: 'completed', content };
}

/** codex has a shell and no other tool for files; a patch in a shell command is applied by itself. */
function callOf(use: ToolUse, id: string) {
  const [name, args] = toolOf(use);
  return {
    id: `fc_${id}`,
    type: 'function_call',
    call_id: `call_${id}`,
    name,
    arguments: JSON.stringify(args),
    status: 'completed',
  };
}

function toolOf(use: ToolUse): [string, object] {
  if ('tool' in use) return [use.tool, use.args];
  return ['exec_command', { cmd: 'shell' in use ? use.shell : patchOf(use) }];
}

function patchOf({ write, content }: { write: string; content: string }): string {
  const lines = content.replace(/\n$/, '').split('\n');
  return [
    "apply_patch <<'PATCH'",
    '*** Begin Patch',
    `*** Add File: ${write}`,
    ...lines.map((line) => `+${line}`),
    '*** End Patch',
    'PATCH',
  ].join('\n');
}

function usage() {
  return {
    input_tokens: USAGE.input,
    input_tokens_details: { cached_tokens: USAGE.cached },
    output_tokens: USAGE.output,
    output_tokens_details: { reasoning_tokens: USAGE.reasoning },
    total_tokens: USAGE.input + USAGE.output,
  };
}
